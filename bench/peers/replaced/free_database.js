// A database that costs nothing: the calls of mongoose's models end in a map of this process instead of a driver.
class FreeCollection {
  #documents = new Map();

  async findOne(filter) {
    const document = this.#documents.get(filter._id);
    return document ? { ...document } : null;
  }
  async insertOne(document) {
    return { acknowledged: true, insertedId: document._id };
  }
  async updateOne(filter, update, { upsert } = {}) {
    let document = this.#documents.get(filter._id);
    if (!document) {
      if (!upsert) return { matchedCount: 0, modifiedCount: 0 };
      document = { _id: filter._id, ...update.$setOnInsert };
      this.#documents.set(filter._id, document);
    }
    // Without what mongoose's arrays drag along.
    for (const [field, value] of Object.entries(update.$set ?? {})) {
      document[field] = Array.isArray(value) ? Array.from(value) : value;
    }
    for (const [field, value] of Object.entries(update.$addToSet ?? {})) {
      document[field] = [...new Set([...(document[field] ?? []), value])];
    }
    return { acknowledged: true, matchedCount: 1, modifiedCount: 1 };
  }
}

export function useFreeDatabase(models) {
  for (const { collection } of models) {
    collection.collection = new FreeCollection();
    collection.buffer = false;
  }
}
