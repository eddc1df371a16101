#include "mail/address.h"

#include <idn2.h>

#include <array>
#include <memory>

#include "base/ip.h"
#include "base/text.h"
#include "mail/literal.h"
#include "mail/local_part.h"

namespace postern::mail {
namespace {

constexpr std::size_t max_domain = 255;  // RFC 5321 §4.5.3.1.2
constexpr std::size_t max_path = 256;    // RFC 5321 §4.5.3.1.3, including brackets
constexpr std::size_t max_label = 63;    // RFC 1035 §2.3.4
// RFC 5321 §4.5.3.1 wants as few limits as can be: one path holds this much beside `<`, `@D>`. What
// clients may send is limited by smtp::Limits::local_part.
constexpr std::size_t max_local_part = max_path - 4;

enum Class : std::uint8_t { atext = 1, label = 2, qtext = 4, high = 8 };

constexpr std::array<std::uint8_t, 256> classes = [] {
  std::array<std::uint8_t, 256> table{};
  for (int c = 0; c < 256; ++c) {
    const char octet = static_cast<char>(c);
    std::uint8_t bits = 0;
    // RFC 5322 §3.2.3 atext.
    if (is_alnum(octet) ||
        std::string_view("!#$%&'*+-/=?^_`{|}~").find(octet) != std::string_view::npos) {
      bits |= atext;
    }
    // RFC 5321 §4.1.2 Ldh-str; the underscore is not standard, but real mail uses it.
    if (is_alnum(octet) || octet == '-' || octet == '_') bits |= label;
    // RFC 5321 §4.1.2 qtextSMTP.
    if (is_printable_ascii(octet) && octet != '"' && octet != '\\') bits |= qtext;
    // RFC 6531 §3.3 adds UTF-8 to atext, qtext and sub-domain.
    if (c >= 0x80) bits |= high;
    table[static_cast<std::size_t>(c)] = bits;
  }
  return table;
}();

constexpr bool is(char c, std::uint8_t wanted) {
  return (classes[static_cast<unsigned char>(c)] & wanted) != 0;
}

/// Lower-cases an ASCII domain and checks labels and lengths. `text` has no trailing dot.
Result<std::string> ascii_domain(std::string_view text) {
  if (text.empty()) return malformed("domain is empty");
  if (text.size() > max_domain) return fail(Fault::limit, "domain is longer than 255 octets");
  std::string out(text.size(), '\0');
  std::size_t start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] != '.') {
      if (!is(text[i], label)) return malformed("domain holds an octet that no label has");
      out[i] = to_lower(text[i]);
      continue;
    }
    if (i == start) return malformed("domain has an empty label");
    if (i - start > max_label) return fail(Fault::limit, "label is longer than 63 octets");
    if (text[start] == '-' || text[i - 1] == '-') return malformed("label has a hyphen at its end");
    if (i < text.size()) out[i] = '.';
    start = i + 1;
  }
  return out;
}

/// U-labels to A-labels (RFC 5891 §5), which RFC 6531 §3.2 requires for DNS queries.
Result<std::string> to_a_labels(std::string_view text) {
  if (text.size() > 4 * max_domain) return fail(Fault::limit, "domain is too long");
  if (!is_utf8(text)) return malformed("domain is not UTF-8");
  char* raw = nullptr;
  const int status =
      idn2_to_ascii_8z(std::string(text).c_str(), &raw, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
  const std::unique_ptr<char, void (*)(void*)> owner(raw, idn2_free);
  if (status == IDN2_TOO_BIG_DOMAIN || status == IDN2_TOO_BIG_LABEL) {
    return fail(Fault::limit, "domain or label is too long");
  }
  if (status != IDN2_OK) return malformed("domain is no IDNA2008 name");
  return std::string(raw);
}

Result<std::string> any_domain(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return malformed("domain holds a NUL");
  if (is_ascii(text)) return ascii_domain(text);
  Result<std::string> ascii = to_a_labels(text);
  if (!ascii) return ascii;
  // The mapping may produce characters that STD 3 forbids, so the result is checked like ASCII
  // input.
  return ascii_domain(*ascii);
}

/// An address literal in canonical form (RFC 5321 §4.1.3): `[192.0.2.1]`, `[IPv6:2001:db8::1]`.
Result<std::string> address_literal(std::string_view text) {
  if (text.size() < 2 || text.back() != ']') return malformed("address literal is not closed");
  std::string_view inner = text.substr(1, text.size() - 2);
  const bool v6 = istarts_with(inner, "IPv6:");
  if (v6) inner.remove_prefix(5);
  const Result<IpAddress> address = IpAddress::parse(inner);
  // The tag is required for IPv6 and not allowed for IPv4.
  if (!address || v6 != (inner.find(':') != std::string_view::npos)) {
    return malformed("address literal holds no address");
  }
  return literal_of(*address);
}

/// The length of the local part at the start of `text`: Dot-string or Quoted-string.
Result<std::size_t> local_part_length(std::string_view text, std::uint8_t utf8) {
  std::size_t i = 0;
  if (text.empty() || text[0] != '"') {
    bool atom = false;
    for (; i < text.size() && (text[i] == '.' || is(text[i], atext | utf8)); ++i) {
      if (text[i] == '.' && !atom) return malformed("local part has an empty atom");
      atom = text[i] != '.';
    }
    if (!atom) return malformed("local part is empty or ends in a dot");
    return i;
  }
  for (i = 1; i < text.size(); ++i) {
    if (text[i] == '"') return i + 1;
    if (text[i] == '\\') {
      ++i;
      if (i == text.size() || !is_printable_ascii(text[i])) {
        return malformed("backslash before an octet that cannot be quoted");
      }
    } else if (!is(text[i], qtext | utf8)) {
      return malformed("quoted local part holds a forbidden octet");
    }
  }
  return malformed("quoted local part is not closed");
}

/// The octets that a local part stands for, without quotes and backslashes: `"a\ b"` is `a b`.
std::string unquoted(std::string_view local) {
  if (local.size() < 2 || local.front() != '"') return std::string(local);
  std::string out;
  for (std::size_t i = 1; i + 1 < local.size(); ++i) {
    if (local[i] == '\\') ++i;
    out += local[i];
  }
  return out;
}

/// The one form of a local part among the equivalent ones: that with the fewest quotes (RFC 5321
/// §4.1.2). `local` is valid; `utf8` as in local_part_length().
std::string canonical_local_part(std::string_view local, std::uint8_t utf8) {
  if (local.front() != '"') return std::string(local);
  std::string plain = unquoted(local);
  const Result<std::size_t> atoms =
      plain.starts_with('"') ? Result<std::size_t>(0) : local_part_length(plain, utf8);
  if (atoms && *atoms == plain.size() && !plain.empty()) return plain;
  return quoted_local_part(plain);
}

/// The mailbox at the start of `text` ends at the first '>' after the local part.
Result<Mailbox> read_mailbox(std::string_view text, Utf8 utf8, std::size_t& length) {
  const std::uint8_t octets = utf8 == Utf8::allowed ? high : 0;
  const Result<std::size_t> local = local_part_length(text, octets);
  if (!local) return tl::unexpected(local.error());
  if (*local >= text.size() || text[*local] != '@') return malformed("no @ after the local part");
  const std::size_t start = *local + 1;
  const std::size_t end = std::min(text.find('>', start), text.size());
  const std::string_view domain = text.substr(start, end - start);
  Result<std::string> checked =
      !domain.empty() && domain[0] == '[' ? address_literal(domain) : any_domain(domain);
  if (!checked) return tl::unexpected(std::move(checked.error()));
  if (*local > max_local_part) return fail(Fault::limit, "local part is longer than 252 octets");
  length = end;
  return Mailbox{canonical_local_part(text.substr(0, *local), octets), std::move(*checked)};
}

/// RFC 6531 §3.3: octets above 127 require SMTPUTF8 and must be UTF-8.
std::optional<Error> refuse_octets(std::string_view text, Utf8 utf8) {
  if (is_ascii(text)) return std::nullopt;
  if (!is_utf8(text)) return Error{Fault::malformed, "address is not UTF-8"};
  if (utf8 == Utf8::refused) return Error{Fault::denied, "address holds non-ASCII octets"};
  return std::nullopt;
}

/// The length of `@a,@b:` at the start (RFC 5321 §4.1.2 A-d-l); 0: there is none.
Result<std::size_t> source_route_length(std::string_view text) {
  if (text.empty() || text[0] != '@') return 0;
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return malformed("source route without colon");
  for (const std::string_view hop : split(text.substr(0, colon), ',')) {
    if (hop.empty() || hop[0] != '@') return malformed("source route hop without @");
    const Result<std::string> domain = any_domain(hop.substr(1));
    if (!domain) return tl::unexpected(domain.error());
  }
  return colon + 1;
}

}  // namespace

Result<Domain> Domain::parse(std::string_view text) {
  if (text.size() > 1 && text.back() == '.') text.remove_suffix(1);
  Result<std::string> checked = any_domain(text);
  if (!checked) return tl::unexpected(std::move(checked.error()));
  Domain domain;
  domain.text_ = std::move(*checked);
  return domain;
}

std::string Mailbox::text() const {
  if (domain.empty()) return local_part;
  std::string out;
  out.reserve(local_part.size() + 1 + domain.size());
  return out.append(local_part).append(1, '@').append(domain);
}

std::string Mailbox::unquoted_local_part() const { return unquoted(local_part); }

Result<Mailbox> parse_mailbox(std::string_view text, Utf8 utf8) {
  if (auto error = refuse_octets(text, utf8)) return tl::unexpected(std::move(*error));
  std::size_t length = 0;
  Result<Mailbox> mailbox = read_mailbox(text, utf8, length);
  if (mailbox && length != text.size()) return malformed("text behind the mailbox");
  return mailbox;
}

Result<Path> parse_path(std::string_view text, Utf8 utf8) {
  if (text.empty() || text[0] != '<') return malformed("path does not begin with <");
  if (auto error = refuse_octets(text, utf8)) return tl::unexpected(std::move(*error));
  if (text.size() > 1 && text[1] == '>') return Path{.length = 2};  // RFC 5321 §4.5.5
  std::string_view rest = text.substr(1);
  const Result<std::size_t> route = source_route_length(rest);
  if (!route) return tl::unexpected(route.error());
  rest.remove_prefix(*route);

  constexpr std::string_view postmaster = "postmaster>";
  if (*route == 0 && istarts_with(rest, postmaster)) {
    return Path{.postmaster = true, .length = 1 + postmaster.size()};
  }
  std::size_t length = 0;
  Result<Mailbox> mailbox = read_mailbox(rest, utf8, length);
  if (!mailbox) return tl::unexpected(std::move(mailbox.error()));
  if (length == rest.size()) return malformed("path is not closed");
  const std::size_t whole = 1 + *route + length + 1;
  if (whole > max_path) return fail(Fault::limit, "path is longer than 256 octets");
  return Path{.mailbox = std::move(*mailbox), .length = whole};
}

}  // namespace postern::mail
