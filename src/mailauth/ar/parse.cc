#include "mailauth/ar/parse.h"

#include <algorithm>

#include "base/text.h"
#include "mailauth/ar/scanner.h"

namespace mailauth::ar {

namespace {

using postern::Fault;
using postern::Result;

tl::unexpected<postern::Error> malformed(const char* what) {
  return postern::fail(Fault::malformed, std::string("Authentication-Results: ") + what);
}

/// The scanner handles blanks and line ends; all other control characters are errors.
bool has_controls(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && !postern::is_space(c)) || c == 0x7f;
  });
}

/// Parses authres-payload up to the semicolon: `[CFWS] authserv-id [ CFWS authres-version ] [CFWS]`
/// (RFC 8601 §2.2).
Result<Head> read_head(Scanner& scan) {
  Head head;
  if (!scan.skip_cfws()) return malformed("broken comment or fold");
  auto id = scan.value();
  if (!id || id->empty()) return malformed("no authserv-id");
  head.authserv_id = std::move(*id);
  const std::size_t before_blank = scan.position();
  if (!scan.skip_cfws()) return malformed("broken comment or fold");
  if (postern::is_digit(scan.peek()) && scan.position() > before_blank) {
    const auto version = scan.number();
    if (!version) return malformed("version out of range");
    head.version = *version;
    if (!scan.skip_cfws()) return malformed("broken comment or fold");
  }
  if (!scan.at_end() && scan.peek() != ';') return malformed("no semicolon behind the authserv-id");
  head.size = scan.position();
  return head;
}

/// Whether `text` begins like a property: in `header.d= header.s=x`, the text after the blank is
/// the next property, not a value.
bool is_property(std::string_view text) {
  Scanner scan(text);
  return scan.keyword() && scan.take('.') && scan.keyword() && scan.take('=');
}

/// Parses `[CFWS] "." [CFWS] property [CFWS] "=" pvalue`, after a ptype.
Result<Property> read_property(Scanner& scan, std::string ptype) {
  Property property{.ptype = std::move(ptype)};
  if (!scan.take('.') || !scan.skip_cfws()) return malformed("no dot behind a ptype");
  auto name = scan.keyword();
  if (!name) return malformed("no property name");
  property.property = std::move(*name);
  if (!scan.skip_cfws() || !scan.take('=')) return malformed("no value behind a property");
  const std::size_t before_blank = scan.position();
  if (!scan.skip_cfws()) return malformed("broken comment or fold");
  const bool apart = scan.position() > before_blank;
  auto value = scan.property_value();
  if (!value || (apart && is_property(*value))) {
    return malformed("a property's value is missing or broken");
  }
  property.value = std::move(*value);
  return property;
}

/// Parses `reasonspec` and `propspec`s up to the next semicolon. The reason comes first
/// (RFC 8601 §2.2).
Result<void> read_details(Scanner& scan, MethodResult& into) {
  for (;;) {
    const std::size_t before_blank = scan.position();
    if (!scan.skip_cfws()) return malformed("broken comment or fold");
    if (scan.at_end() || scan.peek() == ';') return {};
    if (scan.position() == before_blank) return malformed("text directly behind a value");
    auto word = scan.keyword();
    if (!word || !scan.skip_cfws()) return malformed("neither reason nor property");
    if (*word == "reason" && scan.peek() == '=') {
      if (into.reason || !into.properties.empty()) return malformed("a reason in the wrong place");
      scan.take('=');
      if (!scan.skip_cfws()) return malformed("broken comment or fold");
      into.reason = scan.value();
      if (!into.reason) return malformed("no value behind reason");
      continue;
    }
    auto property = read_property(scan, std::move(*word));
    if (!property) return tl::unexpected(property.error());
    into.properties.push_back(std::move(*property));
  }
}

/// Parses `[ "/" version ] "=" result` and the details, after the method and its blanks.
Result<MethodResult> read_result(Scanner& scan, std::string method) {
  MethodResult result{.method = std::move(method)};
  if (scan.take('/')) {
    if (!scan.skip_cfws()) return malformed("broken comment or fold");
    const auto version = scan.number();
    if (!version || !scan.skip_cfws()) return malformed("no version behind a method's slash");
    result.version = *version;
  }
  if (!scan.take('=') || !scan.skip_cfws()) return malformed("no result behind a method");
  auto word = scan.keyword();
  if (!word) return malformed("no result behind a method");
  // `spf= smtp.mailfrom=a` has no result: the word is a ptype.
  if (scan.peek() == '.') return malformed("no result behind a method");
  result.result = std::move(*word);
  if (auto details = read_details(scan, result); !details) return tl::unexpected(details.error());
  return result;
}

Result<AuthenticationResults> read_payload(Scanner& scan) {
  auto head = read_head(scan);
  if (!head) return tl::unexpected(head.error());
  AuthenticationResults out{.authserv_id = std::move(head->authserv_id), .version = head->version};
  bool none = false;
  while (scan.take(';')) {
    if (!scan.skip_cfws()) return malformed("broken comment or fold");
    const bool something = none || !out.results.empty();
    if (scan.at_end() && something) break;  // a semicolon after the last result
    auto word = scan.keyword();
    if (!word) return malformed("no method");
    if (none) return malformed("results behind none");
    if (!scan.skip_cfws()) return malformed("broken comment or fold");
    if (*word == "none" && !something && (scan.at_end() || scan.peek() == ';')) {
      none = true;
      continue;
    }
    auto result = read_result(scan, std::move(*word));
    if (!result) return tl::unexpected(result.error());
    out.results.push_back(std::move(*result));
  }
  if (!none && out.results.empty()) return malformed("neither results nor none");
  return out;
}

Result<void> check_text(std::string_view body) {
  if (has_controls(body)) return malformed("control characters");
  if (!postern::is_utf8(body)) return malformed("not UTF-8");
  return {};
}

}  // namespace

Result<AuthenticationResults> parse(std::string_view body) {
  if (auto good = check_text(body); !good) return tl::unexpected(good.error());
  Scanner scan(body);
  return read_payload(scan);
}

Result<Head> parse_head(std::string_view body) {
  if (auto good = check_text(body); !good) return tl::unexpected(good.error());
  Scanner scan(body);
  return read_head(scan);
}

Result<ArcResults> parse_arc(std::string_view body) {
  if (auto good = check_text(body); !good) return tl::unexpected(good.error());
  Scanner scan(body);
  // RFC 8617 §4.1.1, §4.2.1: the instance comes first.
  const auto instance = scan.instance();
  if (!instance) return malformed("no instance");
  auto results = read_payload(scan);
  if (!results) return tl::unexpected(results.error());
  return ArcResults{.instance = *instance, .results = std::move(*results)};
}

}  // namespace mailauth::ar
