// Patterns as sets of texts: what they have is what PCRE2 finds, and a text that is named is one.
#include <cstdint>
#include <string>
#include <string_view>

#include "invariant.h"
#include "plan/language.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using postern::dialect::Regex;
  using postern::plan::Language;
  using postern::plan::TextFound;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty() || input.size() > 200) return 0;
  const postern::dialect::RegexOptions options{.caseless = (input[0] & 1) != 0,
                                               .anchored = (input[0] & 2) != 0};
  const std::size_t end = std::min(input.find('\n', 1), input.size());
  const std::string_view pattern = input.substr(1, end - 1);
  const std::string_view text = end < input.size() ? input.substr(end + 1) : "";
  const auto language = Language::of(pattern, options);
  if (!language) return 0;
  const auto regex = Regex::compile(pattern, options);
  if (!regex) return 0;
  const auto agrees = [&](std::string_view subject) {
    const Regex::Outcome said = regex->match(subject);
    return said == Regex::Outcome::failed ||
           language->has(subject) == (said == Regex::Outcome::yes);
  };
  if (text.find_first_of(std::string_view("\0\r\n", 3)) == std::string_view::npos) {
    postern::fuzz::must(agrees(text), "what it has is what PCRE2 finds");
  }
  const TextFound found = postern::plan::text_of({&*language}, {}, 500);
  if (found.status == TextFound::Status::found) {
    postern::fuzz::must(language->has(found.text), "the text is one of the language");
    postern::fuzz::must(agrees(found.text), "PCRE2 finds the pattern in the text");
  }
  return 0;
}
