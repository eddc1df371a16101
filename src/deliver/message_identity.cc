#include "deliver/message_identity.h"

#include "base/sha256.h"
#include "base/ulid.h"

namespace postern::deliver {
namespace {

/// SHA-256 of a list of strings. Each is preceded by its length, so different lists never hash the
/// same octets.
class ListHash {
 public:
  void add(std::string_view text) {
    sum_.add(std::to_string(text.size()) + ":");
    sum_.add(text);
  }
  std::string finish() { return sum_.finish(); }

 private:
  Sha256 sum_;
};

}  // namespace

std::string message_identity(std::string_view webhook_id, const policy::Evidence& evidence,
                             std::string_view message) {
  if (!evidence.message || evidence.message->message_id.empty()) return new_id("msg_");
  ListHash hash;
  hash.add("postern webhook-id 1");
  hash.add(webhook_id);
  hash.add(evidence.reverse_path ? evidence.reverse_path->text() : std::string());
  hash.add(std::to_string(evidence.recipients.size()));
  for (const policy::Recipient& recipient : evidence.recipients) hash.add(recipient.address.text());
  hash.add(message);
  return "msg_" + ulid_from_bytes(hash.finish().substr(0, 16));
}

}  // namespace postern::deliver
