#include "mailauth/dkim/sign.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/owned.h"
#include "base/text.h"
#include "mailauth/dkim/signature.h"
#include "mailauth/names.h"

namespace mailauth::dkim {
namespace {

using postern::Fault;
using postern::Result;

constexpr std::size_t fold_column = 76;

using Bio = postern::Owned<BIO, BIO_free_all>;
using KeyContext = postern::Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = postern::Owned<EVP_MD_CTX, EVP_MD_CTX_free>;

/// Without this callback libcrypto would prompt for the passphrase on the terminal.
int no_passphrase(char*, int, int, void*) { return 0; }

void must(bool done) {
  if (!done) throw std::runtime_error("libcrypto could not sign");
}

std::string sign_rsa(EVP_PKEY* key, const Digest& digest) {
  const KeyContext context(EVP_PKEY_CTX_new(key, nullptr));
  must(context && EVP_PKEY_sign_init(context.get()) == 1 &&
       EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1 &&
       EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) == 1);
  std::string value(static_cast<std::size_t>(EVP_PKEY_get_size(key)), '\0');
  std::size_t size = value.size();
  must(EVP_PKEY_sign(context.get(), reinterpret_cast<unsigned char*>(value.data()), &size,
                     digest.data(), digest.size()) == 1);
  value.resize(size);
  return value;
}

/// RFC 8463 §3: Ed25519 signs the SHA-256 hash as its message.
std::string sign_ed25519(EVP_PKEY* key, const Digest& digest) {
  const DigestContext context(EVP_MD_CTX_new());
  std::string value(64, '\0');
  std::size_t size = value.size();
  must(context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key) == 1 &&
       EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(value.data()), &size,
                      digest.data(), digest.size()) == 1);
  return value;
}

/// Listed in h= once more often than they occur: adding another one breaks the signature
/// (RFC 6376 §8.15).
constexpr std::array<std::string_view, 11> oversigned = {
    "From",       "To",       "Cc",           "Subject",      "Date",
    "Message-ID", "Reply-To", "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
    "Sender"};
/// RFC 6376 §5.4.1: signed only when present, because lists and relays may add them later.
constexpr std::array<std::string_view, 16> signed_when_present = {
    "In-Reply-To", "References",       "Resent-From",           "Resent-To",
    "Resent-Cc",   "Resent-Date",      "Resent-Message-ID",     "List-Id",
    "List-Help",   "List-Unsubscribe", "List-Unsubscribe-Post", "List-Subscribe",
    "List-Post",   "List-Owner",       "List-Archive",          "Content-ID"};

/// Appends "h=a:b:c", folded to the line length.
void append_fields(const std::vector<std::string>& fields, std::string& out) {
  out += "h=";
  std::size_t column = 3;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) {
      out += ':';
      ++column;
    }
    if (column + fields[i].size() > fold_column) {
      out += "\r\n\t";
      column = 1;
    }
    out += postern::lower(fields[i]);
    column += fields[i].size();
  }
  out += ";\r\n\t";
}

/// The options with their names in normal form, or the error in them.
Result<SignOptions> checked(const SignOptions& options, const HeaderView& header) {
  SignOptions good = options;
  const auto domain = normalize_domain(options.domain);
  const auto selector = normalize_domain(options.selector);
  if (!domain) return postern::fail(Fault::malformed, "the signing domain is no domain name");
  if (!selector) return postern::fail(Fault::malformed, "the selector is no name");
  good.domain = *domain;
  good.selector = *selector;
  if (good.fields.empty()) good.fields = default_fields(header);
  const bool from = std::any_of(good.fields.begin(), good.fields.end(),
                                [](const auto& name) { return postern::iequals(name, "from"); });
  // RFC 6376 §5.4: a signature without From is invalid.
  if (!from || header.count("From") == 0) {
    return postern::fail(Fault::malformed, "the From field has to be there and be signed");
  }
  if (options.signed_at && options.expires_at && *options.expires_at <= *options.signed_at) {
    return postern::fail(Fault::malformed, "a signature cannot expire before it is made");
  }
  return good;
}

std::string field_without_value(const SigningKey& key, const SignOptions& options,
                                const Digest& body) {
  std::string field = "DKIM-Signature: v=1; a=" + std::string(to_text(key.algorithm())) +
                      "; c=" + to_text(options.forms) + ";\r\n\td=" + options.domain +
                      "; s=" + options.selector + ";\r\n\t";
  if (!options.identity.empty()) field += "i=" + options.identity + ";\r\n\t";
  if (options.signed_at) field += "t=" + std::to_string(*options.signed_at) + "; ";
  if (options.expires_at) field += "x=" + std::to_string(*options.expires_at) + "; ";
  if (options.length) field += "l=" + std::to_string(*options.length) + "; ";
  if (field.ends_with("; ")) field.replace(field.size() - 1, 1, "\r\n\t");
  append_fields(options.fields, field);
  field += "bh=" + postern::base64_encode(std::string(body.begin(), body.end())) + ";\r\n\tb=";
  return field;
}

}  // namespace

Result<SigningKey> SigningKey::wrap(evp_pkey_st* owned) {
  std::shared_ptr<EVP_PKEY> key(owned, EVP_PKEY_free);
  ERR_clear_error();
  if (!key) return postern::fail(Fault::malformed, "no private key could be read or made");
  const int type = EVP_PKEY_get_base_id(key.get());
  if (type == EVP_PKEY_ED25519) return SigningKey(std::move(key), Algorithm::ed25519_sha256);
  const auto bits = static_cast<unsigned>(EVP_PKEY_get_bits(key.get()));
  if (type != EVP_PKEY_RSA || bits < min_rsa_bits || bits > max_rsa_bits) {
    return postern::fail(Fault::malformed, "a signing key is RSA of 1024 to 4096 bits, or Ed25519");
  }
  return SigningKey(std::move(key), Algorithm::rsa_sha256);
}

Result<SigningKey> SigningKey::from_pem(const postern::Secret& pem) {
  const Bio bio(BIO_new_mem_buf(pem.reveal().data(), static_cast<int>(pem.size())));
  return wrap(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
}

Result<SigningKey> SigningKey::generate_rsa(unsigned bits) {
  if (bits < min_rsa_bits || bits > max_rsa_bits) return wrap(nullptr);
  return wrap(EVP_RSA_gen(bits));
}

Result<SigningKey> SigningKey::generate_ed25519() {
  return wrap(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
}

unsigned SigningKey::bits() const {
  if (algorithm_ == Algorithm::ed25519_sha256) return 256;
  return static_cast<unsigned>(EVP_PKEY_get_bits(key_.get()));
}

std::string SigningKey::sign(const Digest& digest) const {
  return algorithm_ == Algorithm::ed25519_sha256 ? sign_ed25519(key_.get(), digest)
                                                 : sign_rsa(key_.get(), digest);
}

std::string SigningKey::public_record() const {
  if (algorithm_ == Algorithm::ed25519_sha256) {
    std::string raw(32, '\0');
    std::size_t size = raw.size();
    must(EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(raw.data()),
                                     &size) == 1);
    return "v=DKIM1; k=ed25519; p=" + postern::base64_encode(raw);
  }
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key_.get(), &der);
  must(size > 0);
  const std::string octets(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return "v=DKIM1; k=rsa; h=sha256; p=" + postern::base64_encode(octets);
}

postern::Secret SigningKey::private_pem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  must(bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr,
                                            nullptr) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return postern::Secret(std::string(data, static_cast<std::size_t>(size)));
}

std::vector<std::string> default_fields(const HeaderView& header) {
  std::vector<std::string> fields;
  for (const std::string_view name : oversigned) {
    const std::size_t times = std::min<std::size_t>(header.count(name), 8) + 1;
    fields.insert(fields.end(), times, std::string(name));
  }
  for (const std::string_view name : signed_when_present) {
    const std::size_t times = std::min<std::size_t>(header.count(name), 8);
    fields.insert(fields.end(), times, std::string(name));
  }
  return fields;
}

void append_folded_base64(std::string_view octets, std::size_t column, std::string& out) {
  const std::string text = postern::base64_encode(octets);
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t room = fold_column > column ? fold_column - column : 0;
    out.append(text, at, room);
    at += std::min(room, text.size() - at);
    if (at < text.size()) out += "\r\n\t";
    column = 1;
  }
}

std::string complete_signature(const SigningKey& key, Canonicalization form, std::string covered,
                               std::string field) {
  const HeaderView own = HeaderView::parse(field);
  append_signature_field(form, own.fields().front(), covered);
  const std::size_t line = field.rfind('\n');
  const std::size_t column = field.size() - (line == std::string::npos ? 0 : line + 1);
  append_folded_base64(key.sign(sha256(covered)), column, field);
  field += "\r\n";
  return field;
}

Result<std::string> sign(const SigningKey& key, const SignOptions& options,
                         const HeaderView& header, const BodyHasher& body) {
  const auto good = checked(options, header);
  if (!good) return tl::unexpected(good.error());
  if (body.length_beyond_body()) {
    return postern::fail(Fault::malformed, "l= is longer than the body");
  }
  std::string field = field_without_value(key, *good, body.digest());
  // Field names and identity come from the caller: check that the field parses back.
  const auto own = HeaderView::parse(field);
  if (own.fields().size() != 1 ||
      parse_signature(std::string(own.fields()[0].body) + "AAAA").reason != Reason::ok) {
    return postern::fail(Fault::malformed, "the signature's identity or fields are malformed");
  }
  std::string covered;
  append_selected_fields(good->forms.header, header, good->fields, HeaderView::npos, covered);
  return complete_signature(key, good->forms.header, std::move(covered), std::move(field));
}

Result<std::string> sign_message(const std::vector<KeyAndSelector>& keys,
                                 const SignOptions& options, std::string_view message) {
  HeaderCollector collector;
  const std::size_t body_at = collector.feed(message);
  collector.finish();
  if (collector.too_long()) return postern::fail(Fault::limit, "the header section is too long");
  const HeaderView header = HeaderView::parse(collector.text());
  if (header.truncated()) return postern::fail(Fault::limit, "the header has too many fields");
  // White space would continue the signature field that is added before it.
  if (message.starts_with(' ') || message.starts_with('\t')) {
    return postern::fail(Fault::malformed, "the message begins with white space");
  }
  BodyHasher body(options.forms.body, options.length);
  body.feed(message.substr(body_at));
  body.finish();
  std::string fields;
  for (const KeyAndSelector& one : keys) {
    SignOptions own = options;
    own.selector = one.selector;
    auto field = sign(*one.key, own, header, body);
    if (!field) return field;
    fields += *field;
  }
  return fields;
}

}  // namespace mailauth::dkim
