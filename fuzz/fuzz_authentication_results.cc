// Authentication-Results: parsing ends for any octets; what was read is written in lines that a
// message may have, reads back as the same data apart from blanks, and is then written as the same
// text.
#include <algorithm>

#include "base/text.h"
#include "invariant.h"
#include "mailauth/ar/parse.h"
#include "mailauth/ar/strip.h"
#include "mailauth/ar/write.h"

namespace {

using namespace mailauth;
using postern::fuzz::must;

std::string without_blanks(std::string text) {
  std::erase_if(text, postern::is_space);
  return text;
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

void check_written(const ar::AuthenticationResults& results) {
  const std::string text = ar::write_field(results);
  const std::string_view lines = std::string_view(text).substr(0, text.size() - 1);
  for (const std::string_view line : postern::split(lines, '\n')) {
    must(line.size() <= 999 && line.ends_with('\r'), "lines are 998 octets and CRLF");
    const bool folded = line.starts_with(' ') || line.starts_with('\t');
    must(folded || line.data() == text.data(), "one field");
    must(!postern::trim(line).empty(), "no line is blank");
  }
  const auto again = ar::parse(text.substr(24));
  must(again.has_value(), "what is written can be read");
  must(again->results.size() == results.results.size(), "no result appears or vanishes");
  must(ar::parse(ar::write(*again)).has_value(), "and written again");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ar::OwnIds own({"mx.example.org", "mx.xn--bcher-kva.example"});
  const bool removed = ar::must_remove(text, own);
  const auto parsed = ar::parse(text);
  if (parsed) {
    const std::string& id = parsed->authserv_id;
    must(removed || !own.contains(id), "a readable field is whose it says");
    must(!removed || own.contains(id) || !is_ascii(id), "a field of others in ASCII stays");
    check_written(*parsed);
    const auto again = ar::parse(ar::write(*parsed));
    must(again && without_blanks(again->authserv_id) == without_blanks(parsed->authserv_id),
         "the same host");
  }
  (void)ar::parse_arc(text);
  // All values are hostile.
  const std::string word(text);
  check_written({.authserv_id = word,
                 .results = {{.method = word,
                              .result = word,
                              .reason = word,
                              .properties = {{.ptype = word, .property = word, .value = word}}}}});
  return 0;
}
