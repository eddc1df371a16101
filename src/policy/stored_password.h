// Passwords as tables of users keep them: hashes of crypt(3), Argon2, SCRAM verifiers, and, where a
// source may hold them, the passwords themselves.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "smtp/scram.h"

namespace postern::policy {

/// Whether a text that is no hash may be the password itself.
enum class PlainText : std::uint8_t {
  refused,
  marked,  ///< as `{PLAIN}password`
  assumed,
};

/// What a password that a client sent is compared as: prepared by SASLprep, of a query (RFC 4616
/// §2), and then as it was sent, where that is something else: whoever made the hash may not have
/// prepared it. Empty: it cannot be prepared, and so is nobody's.
std::vector<Secret> spellings_of(const Secret& password);

class StoredPassword {
 public:
  /// bcrypt (`$2a$ $2b$ $2y$`), `$argon2id$ $argon2i$`, `$5$`, `$6$`, `$y$`, `$7$`,
  /// `SCRAM-SHA-256$…`. A scheme in braces that says the same is skipped. Fault::malformed, or
  /// Fault::limit of a hash that would take too long, says what is wrong, not the text.
  static Result<StoredPassword> parse(std::string_view text, PlainText plain);

  /// Takes as long as its hash does: for a worker thread. The time tells nothing of the password.
  bool matches(const Secret& password) const;
  /// nullopt: a hash of another kind. Of a plain password they are made with this salt and so many
  /// iterations; slow then.
  std::optional<smtp::ScramKeys> scram_keys(std::string_view salt, std::uint32_t iterations) const;

 private:
  enum class Scheme : std::uint8_t { bcrypt, crypt, argon2, plain };

  StoredPassword(Scheme scheme, std::string_view text)
      : scheme_(scheme), text_(std::string(text)) {}
  explicit StoredPassword(smtp::ScramKeys keys) : scram_(std::move(keys)) {}
  static StoredPassword of_plain(std::string_view text);
  bool matches_octets(const Secret& password) const;

  Scheme scheme_ = Scheme::plain;
  Secret text_;
  std::optional<smtp::ScramKeys> scram_;
};

}  // namespace postern::policy
