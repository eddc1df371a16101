#include "mailauth/dkim/signature.h"

#include <algorithm>

#include <openssl/evp.h>

#include "base/text.h"
#include "mailauth/names.h"
#include "mailauth/tag_list.h"

namespace mailauth::dkim {
namespace {

/// RFC 6376 §3.5 allows 76 digits. A number out of range becomes the maximum, beyond any body or
/// time.
std::optional<std::uint64_t> parse_digits(std::string_view text) {
  if (text.empty() || text.size() > 76) return std::nullopt;
  if (!std::all_of(text.begin(), text.end(), postern::is_digit)) return std::nullopt;
  return postern::parse_number(text).value_or(UINT64_MAX);
}

std::optional<std::int64_t> parse_time(std::string_view text) {
  const auto number = parse_digits(text);
  if (!number) return std::nullopt;
  return static_cast<std::int64_t>(std::min<std::uint64_t>(*number, INT64_MAX));
}

/// RFC 6376 §3.5: colon-separated names with optional white space around them.
Reason read_fields(std::string_view text, SignatureKind kind, Signature& signature) {
  // RFC 8617 §4.1.2 requires no particular field.
  if (text.empty() && kind == SignatureKind::arc_message) return Reason::ok;
  for (const std::string_view piece : postern::split(text, ':')) {
    const std::string_view name = postern::trim(piece);
    const bool valid = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return c > 0x20 && c < 0x7f && c != ';';
    });
    if (!valid || signature.fields.size() == max_signed_fields) return Reason::fields_malformed;
    signature.fields.emplace_back(name);
  }
  const bool from = std::any_of(signature.fields.begin(), signature.fields.end(),
                                [](const auto& name) { return postern::iequals(name, "from"); });
  // RFC 6376 §5.4: the From field MUST be signed.
  return from || kind == SignatureKind::arc_message ? Reason::ok : Reason::from_not_signed;
}

/// RFC 6376 §3.5: the domain of i= is d= or below it.
Reason read_identity(const TagListView& tags, Signature& signature) {
  const auto text = tags.find("i");
  signature.identity = text ? without_white_space(*text) : "@" + signature.domain;
  const std::size_t at = signature.identity.rfind('@');
  if (at == std::string::npos) return Reason::identity_malformed;
  const auto domain = normalize_domain(std::string_view(signature.identity).substr(at + 1));
  if (!domain) return Reason::identity_malformed;
  signature.identity_domain = *domain;
  return is_subdomain(*domain, signature.domain) ? Reason::ok : Reason::identity_outside_domain;
}

/// d= and s= must be plain names. This rejects what a resolver might interpret: NUL, quotes,
/// blanks.
Reason read_names(const TagListView& tags, Signature& signature) {
  const auto domain = tags.find("d");
  const auto selector = tags.find("s");
  Reason reason = Reason::ok;
  if (selector) {
    const auto normal = normalize_domain(*selector);
    if (normal && !selector->ends_with('.')) {
      signature.selector = *normal;
    } else {
      reason = Reason::selector_malformed;
    }
  }
  if (domain) {
    const auto normal = normalize_domain(*domain);
    if (normal && !domain->ends_with('.')) {
      signature.domain = *normal;
    } else {
      reason = Reason::domain_malformed;
    }
  }
  if (reason != Reason::ok) return reason;
  if (!domain || !selector) return Reason::tag_missing;
  return signature.key_name().size() > max_domain ? Reason::selector_malformed : Reason::ok;
}

Reason read_algorithm(const TagListView& tags, Signature& signature) {
  const auto text = tags.find("a");
  if (!text) return Reason::tag_missing;
  const auto algorithm = parse_algorithm(*text);
  if (!algorithm) return Reason::algorithm_unknown;
  signature.algorithm = *algorithm;
  const auto forms = parse_forms(tags.value_or("c", "simple/simple"));
  if (!forms) return Reason::form_unknown;
  signature.forms = *forms;
  // RFC 6376 §3.5: unknown query methods are skipped.
  const auto methods = postern::split(tags.value_or("q", "dns/txt"), ':');
  const bool dns = std::any_of(methods.begin(), methods.end(), [](std::string_view method) {
    return postern::trim(method) == "dns/txt";
  });
  return dns ? Reason::ok : Reason::query_unknown;
}

Reason read_hash_and_value(const TagListView& tags, Signature& signature) {
  const auto hash = tags.find("bh");
  const auto value = tags.find("b");
  if (!hash || !value) return Reason::tag_missing;
  const auto hash_octets = decode_base64(*hash);
  if (!hash_octets) return Reason::body_hash_malformed;
  const auto value_octets = decode_base64(*value);
  if (!value_octets) return Reason::value_malformed;
  signature.body_hash = *hash_octets;
  signature.value = *value_octets;
  return Reason::ok;
}

Reason read_numbers(const TagListView& tags, Signature& signature) {
  if (const auto length = tags.find("l")) {
    signature.length = parse_digits(*length);
    if (!signature.length) return Reason::length_malformed;
  }
  if (const auto signed_at = tags.find("t")) {
    signature.signed_at = parse_time(*signed_at);
    if (!signature.signed_at) return Reason::time_malformed;
  }
  if (const auto expires_at = tags.find("x")) {
    signature.expires_at = parse_time(*expires_at);
    if (!signature.expires_at) return Reason::time_malformed;
  }
  // RFC 6376 §3.5: x= MUST be greater than t= if both are present.
  const bool ordered =
      !signature.signed_at || !signature.expires_at || *signature.expires_at > *signature.signed_at;
  return ordered ? Reason::ok : Reason::expires_before_signed;
}

Reason read_tags(const TagListView& tags, SignatureKind kind, Signature& signature) {
  const auto version = tags.find("v");
  if (kind == SignatureKind::dkim) {
    if (!version) return Reason::tag_missing;
    if (*version != "1") return Reason::version_unsupported;
  }  // RFC 8617 §4.1.2: v= of an ARC-Message-Signature MUST be ignored.
  const auto fields = tags.find("h");
  if (!fields) return Reason::tag_missing;
  Reason reason = read_fields(*fields, kind, signature);
  if (reason == Reason::ok) reason = read_hash_and_value(tags, signature);
  if (reason == Reason::ok) reason = read_numbers(tags, signature);
  if (reason == Reason::ok && kind == SignatureKind::dkim) reason = read_identity(tags, signature);
  return reason;
}

Reason trouble_reason(TagTrouble trouble) {
  switch (trouble) {
    case TagTrouble::duplicate:
      return Reason::tag_repeated;
    case TagTrouble::too_many:
      return Reason::too_many_tags;
    case TagTrouble::syntax:
      break;
  }
  return Reason::tags_malformed;
}

}  // namespace

ParsedSignature parse_signature(std::string_view field_body, SignatureKind kind) {
  ParsedSignature parsed;
  const auto tags = TagListView::parse(field_body);
  if (!tags) {
    parsed.reason = trouble_reason(tags.error());
    return parsed;
  }
  // Names and algorithm are always read, so that a report can name the domain of a signature with
  // an error elsewhere.
  const Reason names = read_names(*tags, parsed.signature);
  const Reason algorithm = read_algorithm(*tags, parsed.signature);
  parsed.reason = names != Reason::ok ? names : algorithm;
  if (parsed.reason == Reason::ok) parsed.reason = read_tags(*tags, kind, parsed.signature);
  return parsed;
}

std::optional<std::string> decode_base64(std::string_view text) {
  const std::string packed = without_white_space(text);
  // RFC 4648 §4. libcrypto accepts "=" anywhere and takes "-" as the end.
  const std::size_t padding = packed.size() - std::min(packed.find('='), packed.size());
  const bool well_formed = !packed.empty() && packed.size() % 4 == 0 && padding <= 2 &&
                           packed.find('-') == std::string::npos &&
                           (padding < 2 || packed.back() == '=');
  if (!well_formed) return std::nullopt;
  std::string octets(packed.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(octets.data()),
                                   reinterpret_cast<const unsigned char*>(packed.data()),
                                   static_cast<int>(packed.size()));
  if (size < 0) return std::nullopt;
  octets.resize(static_cast<std::size_t>(size) - padding);
  return octets;
}

}  // namespace mailauth::dkim
