// Payloads of any octets: always JSON in UTF-8, within the limits, with unchanged attachments.
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "base/text.h"
#include "deliver/mime.h"
#include "deliver/mime_charset.h"
#include "deliver/mime_filename.h"
#include "deliver/payload.h"
#include "invariant.h"

namespace {

using namespace postern;
using fuzz::must;
namespace json = boost::json;

constexpr deliver::MimeLimits small{.depth = 5, .parts = 20, .header_fields = 50};

void check_parts(std::string_view message) {
  deliver::Charsets charsets;
  const deliver::MessageView view = deliver::scan_message(message, charsets, small);
  must(view.fields.size() <= small.header_fields, "no more fields than allowed");
  must(view.parts.size() <= small.parts, "no more parts than allowed");
  const char* last = message.data();
  for (const deliver::PartView& part : view.parts) {
    must(part.body.data() >= last &&
             part.body.data() + part.body.size() <= message.data() + message.size(),
         "parts stand in order inside the message");
    last = part.body.data() + part.body.size();
  }
}

void check_attachment(const json::value& attachment) {
  const json::value& name = attachment.at("filename");
  if (name.is_string()) {
    const json::string& text = name.get_string();
    must(!text.empty() && text.size() <= deliver::max_filename, "a file name has 1-255 octets");
    must(text.find_first_of("/\\\r\n") == json::string::npos, "a file name is no path");
    must(text != "." && text != "..", "a file name is no directory");
  }
  const auto octets = base64_decode(attachment.at("content").as_string());
  must(octets && octets->size() == attachment.at("size").to_number<std::size_t>(),
       "the content has the size that is said");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  check_parts(message);
  deliver::PayloadOptions options;
  options.mime = small;
  options.include_raw = policy::RawMode::inline_content;
  const deliver::MessageIdentity identity{"msg_x", "wh_x", {}, false};
  Result<deliver::Payload> payload =
      deliver::build_payload(message, policy::Evidence{}, identity, options);
  must(payload.has_value(), "a payload can be built of anything");
  const std::string_view text = payload->body.view().value();
  must(is_utf8(text), "a payload is UTF-8");
  boost::system::error_code error;
  const json::value parsed = json::parse(text, error);
  must(!error, "a payload is JSON");
  must(base64_decode(parsed.at("raw").at("content").as_string()) == message, "raw is the message");
  for (const json::value& attachment : parsed.at("attachments").as_array()) {
    check_attachment(attachment);
  }
  const json::value camel = deliver::template_data(parsed);
  must(camel.as_object().contains("HeaderList"), "templates see the same payload");
  return 0;
}
