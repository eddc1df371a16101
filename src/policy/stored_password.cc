#include "policy/stored_password.h"

#include <algorithm>
#include <array>

#include <sodium.h>

#include "base/hmac.h"
#include "base/text.h"
#include "policy/bcrypt.h"
#include "policy/crypt_hash.h"
#include "smtp/saslprep.h"

namespace postern::policy {
namespace {

constexpr std::string_view schemes[] = {"{CRYPT}",        "{BLF-CRYPT}", "{SHA256-CRYPT}",
                                        "{SHA512-CRYPT}", "{ARGON2ID}",  "{SCRAM-SHA-256}"};
/// Salted, slow to guess and not broken; the other methods of libxcrypt are not.
constexpr std::string_view crypt_marks[] = {"$5$", "$6$", "$y$", "$7$"};

std::string process_key() {
  static const std::string key = [] {
    std::string made(32, '\0');
    randombytes_buf(made.data(), made.size());
    return made;
  }();
  return key;
}

bool crypt_matches(const Secret& password, const Secret& hash) {
  const std::optional<Secret> made = crypt_text(password, hash);
  return made && hash.equals(made->reveal());
}

bool is_one_line(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

Result<StoredPassword> StoredPassword::parse(std::string_view text, PlainText plain) {
  for (const std::string_view scheme : schemes) {
    if (istarts_with(text, scheme)) {
      text.remove_prefix(scheme.size());
      break;
    }
  }
  if (takes_too_long(text)) return fail(Fault::limit, "a hash whose check would take too long");
  if (const auto dear = too_dear_here(text)) return fail(Fault::limit, "a hash that " + *dear);
  if (is_bcrypt(text)) return StoredPassword(Scheme::bcrypt, text);
  if (text.starts_with("SCRAM-SHA-256$")) {
    auto keys = smtp::parse_scram_keys(text);
    if (!keys) return fail(Fault::malformed, "an incomplete SCRAM verifier");
    return StoredPassword(std::move(*keys));
  }
  const bool argon2 = text.starts_with("$argon2id$") || text.starts_with("$argon2i$");
  if (argon2 && is_one_line(text) && text.size() < crypto_pwhash_STRBYTES) {
    return StoredPassword(Scheme::argon2, text);
  }
  const bool crypt = std::any_of(std::begin(crypt_marks), std::end(crypt_marks),
                                 [&](std::string_view mark) { return text.starts_with(mark); });
  if (crypt && is_one_line(text) && std::count(text.begin(), text.end(), '$') >= 3)
    return StoredPassword(Scheme::crypt, text);
  constexpr std::string_view mark = "{PLAIN}";
  if (plain != PlainText::refused && istarts_with(text, mark))
    return of_plain(text.substr(mark.size()));
  if (plain == PlainText::assumed) return of_plain(text);
  if (text.starts_with("$apr1$") || text.starts_with("$1$"))
    return fail(Fault::malformed, "an MD5 hash; make one of bcrypt (`htpasswd -B`)");
  return fail(Fault::malformed,
              "neither a hash of bcrypt, Argon2id, SHA-256/512 or yescrypt, nor a SCRAM verifier");
}

/// Code points that Unicode 3.2 does not assign, emoji above all, are kept. RFC 4013 §2.5 refuses
/// them in stored passwords, but equal octets are the same password.
StoredPassword StoredPassword::of_plain(std::string_view text) {
  const Secret prepared(
      smtp::saslprep(text, smtp::Unassigned::allowed).value_or(std::string(text)));
  return {Scheme::plain, prepared.reveal()};
}

std::vector<Secret> spellings_of(const Secret& password) {
  std::vector<Secret> spellings;
  std::optional<std::string> prepared =
      smtp::saslprep(password.reveal(), smtp::Unassigned::allowed);
  if (!prepared) return spellings;
  const bool same = *prepared == password.reveal();
  spellings.emplace_back(std::move(*prepared));
  if (!same) spellings.push_back(password);
  return spellings;
}

bool StoredPassword::matches(const Secret& password) const {
  bool right = false;
  for (const Secret& spelling : spellings_of(password)) right = right || matches_octets(spelling);
  return right;
}

/// `password` contains no NUL: crypt(3) would end there, and HMAC pads its keys with NUL.
bool StoredPassword::matches_octets(const Secret& password) const {
  if (scram_) return smtp::scram_matches(*scram_, password);
  switch (scheme_) {
    case Scheme::bcrypt:
      return bcrypt_verify(password, text_);
    case Scheme::crypt:
      return crypt_matches(password, text_);
    case Scheme::argon2: {
      // The library reads the whole buffer.
      std::array<char, crypto_pwhash_STRBYTES> hash{};
      text_.reveal().copy(hash.data(), hash.size() - 1);
      return crypto_pwhash_str_verify(hash.data(), password.reveal().data(), password.size()) == 0;
    }
    case Scheme::plain: {
      // Compares digests, so that the time does not even disclose the length.
      const Secret kept(hmac_sha256(process_key(), text_.reveal()));
      return !text_.empty() && kept.equals(hmac_sha256(process_key(), password.reveal()));
    }
  }
  return false;
}

std::optional<smtp::ScramKeys> StoredPassword::scram_keys(std::string_view salt,
                                                          std::uint32_t iterations) const {
  if (scram_) return scram_;
  if (scheme_ != Scheme::plain || text_.empty()) return std::nullopt;
  return smtp::scram_keys_of(text_, std::string(salt), iterations);
}

}  // namespace postern::policy
