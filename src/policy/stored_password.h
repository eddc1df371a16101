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

/// Whether a text that is not a hash may be a password in plain text.
enum class PlainText : std::uint8_t {
  refused,  ///< never
  marked,   ///< only as `{PLAIN}password`
  assumed,  ///< any text
};

/// The forms of a client's password to compare: prepared by SASLprep as a query (RFC 4616 §2), and
/// as sent if that differs, since the hash may be of an unprepared password. Empty: it cannot be
/// prepared and matches no hash.
std::vector<Secret> spellings_of(const Secret& password);

/// A stored password or its hash. Immutable; thread-safe.
class StoredPassword {
 public:
  /// Accepts bcrypt (`$2a$ $2b$ $2y$`), `$argon2id$ $argon2i$`, `$5$`, `$6$`, `$y$`, `$7$` and
  /// `SCRAM-SHA-256$…`; a scheme in braces before it is skipped. Fault::malformed, or Fault::limit
  /// for a hash that takes too long. Messages do not quote the text.
  static Result<StoredPassword> parse(std::string_view text, PlainText plain);

  /// Takes as long as the hash: call it on a worker thread. The time does not depend on how much of
  /// the password is right.
  bool matches(const Secret& password) const;
  /// The SCRAM keys. For a plain password they are computed with this salt and iteration count,
  /// which is slow. nullopt: not derivable from another kind of hash.
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
