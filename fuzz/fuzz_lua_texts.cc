// Texts that scripts process: times, encodings, pieces, replacements, HTTP answers. What is written
// reads back, pieces join to the whole, and no result exceeds its limit.
#include <algorithm>
#include <cstdint>

#include "base/rfc4648.h"
#include "base/text.h"
#include "dialect/kumo/http_response.h"
#include "dialect/kumo/library.h"
#include "dialect/kumo/plain_text.h"
#include "dialect/kumo/regex_template.h"
#include "dialect/kumo/time_text.h"
#include "invariant.h"

namespace {

using namespace postern;
using namespace postern::dialect::kumo;
namespace kumo = postern::dialect::kumo;
using fuzz::must;

void check_times(std::string_view text) {
  if (const auto time = kumo::parse_rfc3339(text)) {
    must(in_range(*time), "a time has a year of four digits");
    must(kumo::parse_rfc3339(rfc3339_text(*time)).value() == *time, "RFC 3339 written is read");
  }
  if (const auto time = parse_rfc2822(text)) {
    must(in_range(*time), "a time has a year of four digits");
    must(parse_rfc2822(rfc5322_date(*time)).value() == *time, "RFC 5322 written is read");
  }
  const auto out = formatted(Instant(Span(946'782'245'678'901)), text);
  must(!out || out->size() <= 64 * text.size(), "a format does not grow much");
}

void check_encodings(std::string_view text) {
  for (const Base base :
       {Base::hex, Base::base32, Base::base32hex, Base::base64, Base::base64url}) {
    for (const Padding padding : {Padding::with, Padding::without}) {
      must(decode(encode(text, base, padding), base, padding).value() == text, "octets come back");
      const auto octets = decode(text, base, padding);
      must(!octets || iequals(encode(*octets, base, padding), text), "one text for some octets");
    }
  }
}

void check_pieces(std::string_view text, std::string_view separator) {
  for (const From from : {From::left, From::right}) {
    for (const std::size_t most : {std::size_t{1}, std::size_t{2}, SIZE_MAX}) {
      auto cut = pieces(text, separator, most, from);
      must(cut.size() <= most, "no more pieces than wanted");
      std::string whole;
      if (from == From::right) std::reverse(cut.begin(), cut.end());
      for (std::size_t i = 0; i < cut.size(); ++i) {
        if (i > 0) whole += separator;
        whole += cut[i];
      }
      if (!separator.empty()) must(whole == text, "the pieces are the text");
    }
  }
  must(replaced(text, separator, separator, SIZE_MAX) == text, "replaced by itself it is the same");
  for (const std::string_view word : words(text, Blank::unicode)) must(!word.empty(), "words");
  must(without_front(without_back(text)).size() <= text.size(), "trimmed");
  const std::string lines = wrapped(text, 10, 20);
  for (std::string_view rest = lines; !rest.empty();) {
    const std::size_t end = std::min(rest.find("\r\n\t"), rest.size());
    must(end <= 20, "no line is longer than allowed");
    rest.remove_prefix(std::min(end + 3, rest.size()));
  }
}

void check_answer(std::string_view type, std::string_view body) {
  const HttpResponse response{200, {{"content-type", std::string(type)}}, std::string(body)};
  try {
    const std::string shown = response.text();
    must(is_utf8(shown), "what is shown is UTF-8");
    must(shown.size() <= 3 * body.size(), "an octet is replaced by one character");
  } catch (const std::runtime_error&) {
    must(type.find('=') != type.npos, "only another charset is refused");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data),
                              std::min<std::size_t>(size, 4096));
  const std::size_t cut = std::min(text.find('\n'), text.size());
  check_times(text);
  check_encodings(text);
  check_pieces(text.substr(std::min(cut + 1, text.size())), text.substr(0, cut));
  check_answer(text.substr(0, cut), text.substr(std::min(cut + 1, text.size())));
  std::string out;
  expand_template(text, {{"name", 1}}, [](unsigned) { return std::string_view("group"); }, out);
  must(out.size() <= 5 * text.size(), "a group stands for a `$` and a letter at least");
  return 0;
}
