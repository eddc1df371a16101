// Request bodies: what the strict reader accepts is an object that reads back unchanged, and
// whatever Boost.JSON refuses is refused. The HTTP head is read from the same octets.
#include <boost/json.hpp>

#include "admin/json_body.h"
#include "base/text.h"
#include "base/time_text.h"
#include "invariant.h"
#include "net/http_head.h"

namespace {

using namespace postern;
using fuzz::must;
namespace json = boost::json;

void check_json(std::string_view text) {
  const Result<json::object> parsed = admin::parse_json_object(text);
  json::parse_options options;
  options.max_depth = admin::max_json_depth;
  boost::system::error_code refused;
  const json::value loose = json::parse({text.data(), text.size()}, refused, {}, options);
  if (!parsed) {
    must(!parsed.error().message.empty(), "a refusal has a sentence");
    return;
  }
  must(!refused, "nothing is taken that the library refuses");
  must(loose.is_object() && loose.get_object() == *parsed, "both readers see the same object");
  must(is_utf8(text), "an accepted body is UTF-8");
  const Result<json::object> again = admin::parse_json_object(json::serialize(*parsed));
  must(again.has_value(), "what was read can be written and read");
}

void check_head(std::string_view text) {
  const net::HeadProgress progress = net::scan_head(text);
  must(progress.length <= text.size(), "a head ends inside its octets");
  if (progress.fault || progress.length == 0) return;
  net::HttpHead head;
  if (net::parse_head(text.substr(0, progress.length), head)) return;
  must(!(head.chunked && head.content_length != 0), "a request has one framing");
  must(head.request.path.find('\0') == std::string::npos, "no path has a NUL");
  for (const std::string& segment : head.request.segments) {
    must(segment != ".." && segment.find('/') == std::string::npos, "no segment leads elsewhere");
  }
  for (const auto& [name, value] : head.request.headers) {
    must(value.find_first_of("\r\n") == std::string::npos, "no field holds a line end");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_json(text);
  check_head(text);
  if (const auto time = from_rfc3339(text)) {
    must(from_rfc3339(to_rfc3339(*time)) == time, "a time reads back");
  }
  return 0;
}
