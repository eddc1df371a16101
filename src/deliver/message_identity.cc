#include "deliver/message_identity.h"

#include <memory>
#include <new>

#include <openssl/evp.h>

#include "base/ulid.h"

namespace postern::deliver {
namespace {

/// SHA-256 over strings, each with its length in front, so that no two lists give the same octets.
class ListHash {
 public:
  ListHash() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1)
      throw std::bad_alloc();
  }
  void add(std::string_view text) {
    const std::string size = std::to_string(text.size()) + ":";
    EVP_DigestUpdate(context_.get(), size.data(), size.size());
    EVP_DigestUpdate(context_.get(), text.data(), text.size());
  }
  std::string finish() {
    std::string hash(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(hash.data()), &size);
    hash.resize(size);
    return hash;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
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
