// The page at / as people use it: two of them in a browser each, over reloads and restarts of the server.
import assert from "node:assert/strict";
import { after } from "node:test";
import { people, unique } from "../lib/people.mjs";
import { sharedServer, test, withServer } from "../lib/testing.mjs";
import { eventually } from "../support/deadline.mjs";
import { Browser } from "./browser.mjs";

const browser = await Browser.open();
after(() => browser.close());
const server = await sharedServer();

const pageOf = (person, own = server) => browser.user(`${own.url}/#token=${person.token}`);

// The texts that the open room shows, in order.
const texts = (page) => page.locator("#messages .text").allTextContents();

function shows(page, what, expected) {
  return eventually(`${what}: ${expected.join(" | ")}`, async () => JSON.stringify(await texts(page)) === JSON.stringify(expected), 20_000, 50)
    .catch(async (error) => assert.deepEqual(await texts(page), expected, error.message));
}

async function open(page, name) {
  await page.locator("#rooms button", { hasText: name }).click();
  await page.locator("#room-name", { hasText: name }).waitFor();
}

async function say(page, text) {
  await page.locator("#send textarea").fill(text);
  await page.locator("#send textarea").press("Enter");
}

test("two users: one makes a room and writes, the other sees it and answers", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const [hers, his] = [await pageOf(ann), await pageOf(bob)];
  await hers.locator("#me", { hasText: ann.id }).waitFor();
  assert.equal(new URL(hers.url()).hash, "", "the token does not stay in the address");

  const name = unique("room");
  await hers.locator("#create input[name=name]").fill(name);
  await hers.locator("#create input[name=members]").fill(bob.id);
  await hers.locator("#create button").click();
  await hers.locator("#room-name", { hasText: name }).waitFor();
  await his.locator("#rooms button", { hasText: name }).waitFor();

  await say(hers, "first");
  await his.locator("#rooms .unread", { hasText: "1" }).waitFor();
  await his.locator("#rooms .preview", { hasText: "first" }).waitFor();
  await open(his, name);
  await shows(his, "what was said before", ["first"]);
  await hers.locator("#messages .mark", { hasText: `seen by ${bob.id}` }).waitFor();

  await his.locator("#send textarea").pressSequentially("se");
  await hers.locator("#typing", { hasText: "is typing" }).waitFor();
  await say(his, "second");
  await shows(hers, "the answer", ["first", "second"]);
  await shows(his, "their own", ["first", "second"]);
});

test("edits, reactions and deletes are seen at once", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const { _id: room, name } = await ann.createRoom({ name: unique("room"), members: [bob.id] });
  await ann.send(room, "one");
  const two = await ann.send(room, "two");
  const [hers, his] = [await pageOf(ann), await pageOf(bob)];
  for (const page of [hers, his]) await open(page, name);
  await shows(his, "the history", ["one", "two"]);

  const tool = async (page, title, text) => {
    const item = page.locator("#messages li", { hasText: text });
    await item.hover();
    await item.locator(`.tools button[title=${title}]`).first().click();
  };
  await tool(his, "React", "one");
  await hers.locator("#messages .reaction", { hasText: "👍 1" }).waitFor();
  hers.once("dialog", (dialog) => dialog.accept("one, corrected"));
  await tool(hers, "Edit", "one");
  await shows(his, "the edit", ["one, corrected", "two"]);
  hers.once("dialog", (dialog) => dialog.accept());
  await tool(hers, "Delete", "two");
  await his.locator("#messages .gone").waitFor();
  await shows(his, "the delete", ["one, corrected"]);
  assert.equal((await bob.message(room, two._id)).text, "");
});

test("a reload keeps the user and the history", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const { _id: room, name } = await ann.createRoom({ name: unique("room"), members: [bob.id] });
  const sent = Array.from({ length: 60 }, (_, i) => `m${i}`);
  for (const text of sent) await ann.send(room, text);
  const page = await pageOf(bob);
  for (let i = 0; i < 2; i++) {
    await open(page, name);
    await shows(page, "the newest page", sent.slice(-50));
    await page.locator("#earlier").click();
    await shows(page, "all of it", sent);
    await page.reload();
    await page.locator("#me", { hasText: bob.id }).waitFor();
  }
});

for (const end of ["stop", "crash"]) {
  test(`the page comes back after a ${end} of the server, without a hole or a repeat`, async () => {
    await withServer({}, async (own) => {
      const [ann, bob] = people(own, "ann", "bob");
      const { _id: room, name } = await ann.createRoom({ name: unique("room"), members: [bob.id] });
      const [hers, his] = [await pageOf(ann, own), await pageOf(bob, own)];
      for (const page of [hers, his]) await open(page, name);
      const expected = [];
      for (let round = 0; round < 2; round++) {
        await say(hers, `before ${round}`);
        expected.push(`before ${round}`);
        await shows(his, "before", expected);
        await own[end]();
        await his.locator("#status", { hasText: "connecting" }).waitFor();
        // Written while there is no server: shown as waiting, and sent by itself, once.
        await say(hers, `offline ${round}`);
        await hers.locator("#messages .pending", { hasText: `offline ${round}` }).waitFor();
        await own.launch();
        expected.push(`offline ${round}`);
        await shows(his, "what was written meanwhile", expected);
        await shows(hers, "their own", expected);
        for (const page of [hers, his]) await page.locator("#status:empty").waitFor({ state: "attached" });
      }
      await ann.send(room, "after");
      await shows(his, "after", [...expected, "after"]);
      assert.deepEqual((await bob.messages(room)).map(({ text }) => text), [...expected, "after"]);
    });
  });
}

test("a text is a text, whatever it holds", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const evil = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
  const { _id: room, name } = await ann.createRoom({ name: unique("<b>room</b>"), members: [bob.id] });
  await ann.send(room, evil);
  const page = await pageOf(bob);
  await open(page, name);
  await shows(page, "the text", [evil]);
  assert.equal(await page.title(), "tidings");
  assert.equal(await page.locator("#messages img, #messages script, #rooms b").count(), 0);
});

test("an account is made and used, a wrong password is told, and a log-out leaves nothing", async () => {
  await withServer({ env: { TIDINGS_JWT_SECRET: undefined } }, async (own) => {
    const page = await browser.user(`${own.url}/`);
    const logIn = async (call, password) => {
      await page.locator("#login input[name=username]").fill("carol");
      await page.locator("#login input[name=password]").fill(password);
      await page.locator(`#login button[value=${call}]`).click();
    };
    await logIn("register", "a long enough password");
    await page.locator("#me", { hasText: "carol" }).waitFor();
    await page.locator("#logout").click();
    await page.locator("#entry").waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.getItem("token")), null);
    await logIn("login", "another password");
    await page.locator("#entry-error:not(:empty)").waitFor();
    await logIn("login", "a long enough password");
    await page.locator("#me", { hasText: "carol" }).waitFor();
  });
});

test("the documents are shown", async () => {
  const page = await browser.user(`${server.url}/docs`);
  const { paths } = await (await fetch(`${server.url}/openapi.json`)).json();
  const calls = Object.values(paths).flatMap((item) => Object.keys(item)).filter((key) => ["get", "post", "put", "patch", "delete"].includes(key));
  await eventually("every call", async () => (await page.locator("#calls summary .method").count()) === calls.length);
});

test("no page complained, and none asked anybody but the server", () => assert.deepEqual(browser.complaints, []));
