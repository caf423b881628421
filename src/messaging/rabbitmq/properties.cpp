#include "properties.hpp"

#include "wire.hpp"

namespace tidings::messaging::rabbitmq {

// In the order of the flags. Bits 1 and 0 stand for properties that do not exist.
bool ReadProperties(std::string_view bytes, Properties& p) {
  Reader reader(bytes);
  p.flags = reader.U16();
  if ((p.flags & 3) != 0) return false;
  if (p.Has(Properties::kContentType)) p.content_type = reader.ShortText();
  if (p.Has(Properties::kContentEncoding)) p.content_encoding = reader.ShortText();
  if (p.Has(Properties::kHeaders)) p.headers = reader.LongText();
  if (p.Has(Properties::kDeliveryMode)) p.delivery_mode = reader.U8();
  if (p.Has(Properties::kPriority)) p.priority = reader.U8();
  if (p.Has(Properties::kCorrelationId)) p.correlation_id = reader.ShortText();
  if (p.Has(Properties::kReplyTo)) p.reply_to = reader.ShortText();
  if (p.Has(Properties::kExpiration)) p.expiration = reader.ShortText();
  if (p.Has(Properties::kMessageId)) p.message_id = reader.ShortText();
  if (p.Has(Properties::kTimestamp)) p.timestamp = reader.U64();
  if (p.Has(Properties::kType)) p.type = reader.ShortText();
  if (p.Has(Properties::kUserId)) p.user_id = reader.ShortText();
  if (p.Has(Properties::kAppId)) p.app_id = reader.ShortText();
  if (p.Has(Properties::kClusterId)) p.cluster_id = reader.ShortText();
  return reader.ok() && reader.done();
}

void AppendProperties(std::string& out, const Properties& p) {
  Writer writer(out);
  writer.U16(p.flags);
  if (p.Has(Properties::kContentType)) writer.ShortText(p.content_type);
  if (p.Has(Properties::kContentEncoding)) writer.ShortText(p.content_encoding);
  if (p.Has(Properties::kHeaders)) writer.LongText(p.headers);
  if (p.Has(Properties::kDeliveryMode)) writer.U8(p.delivery_mode);
  if (p.Has(Properties::kPriority)) writer.U8(p.priority);
  if (p.Has(Properties::kCorrelationId)) writer.ShortText(p.correlation_id);
  if (p.Has(Properties::kReplyTo)) writer.ShortText(p.reply_to);
  if (p.Has(Properties::kExpiration)) writer.ShortText(p.expiration);
  if (p.Has(Properties::kMessageId)) writer.ShortText(p.message_id);
  if (p.Has(Properties::kTimestamp)) writer.U64(p.timestamp);
  if (p.Has(Properties::kType)) writer.ShortText(p.type);
  if (p.Has(Properties::kUserId)) writer.ShortText(p.user_id);
  if (p.Has(Properties::kAppId)) writer.ShortText(p.app_id);
  if (p.Has(Properties::kClusterId)) writer.ShortText(p.cluster_id);
}

}  // namespace tidings::messaging::rabbitmq
