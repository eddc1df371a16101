// Payload templates: an error names a place in the template; a valid one renders within bounds.
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "base/text.h"
#include "deliver/template.h"
#include "invariant.h"

namespace {

using namespace postern;
using fuzz::must;

const boost::json::value& sample() {
  static const boost::json::value value = boost::json::parse(R"({"Subject": "Disk \"full\"",
    "To": ["x@example.net", "y@example.net"], "Size": 12, "Yes": true, "No": null, "A": {"B": {"C": 1}},
    "Headers": {"X-Tag": ["one", "two"]}})");
  return value;
}

void check_place(const std::string& message) {
  const std::size_t colon = message.find(':');
  const auto line = parse_number(std::string_view(message).substr(0, colon));
  must(line && *line >= 1, "an error begins with a line");
  const std::size_t second = message.find(':', colon + 1);
  must(second != std::string::npos, "an error has a column");
  const auto column = parse_number(std::string_view(message).substr(colon + 1, second - colon - 1));
  must(column && *column >= 1, "an error has a column");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<deliver::Template> parsed = deliver::Template::parse(text);
  if (!parsed) {
    check_place(parsed.error().message);
    return 0;
  }
  MemoryCharge charge;
  const Result<std::string> out = deliver::render(*parsed, sample(), charge);
  if (!out) {
    check_place(out.error().message);
    return 0;
  }
  must(out->size() <= deliver::max_template_output, "the output is bounded");
  must(is_utf8(*out), "UTF-8 in, UTF-8 out");
  if (text.find("{{") == std::string_view::npos) must(*out == text, "text stays as it is");
  return 0;
}
