// msg:check_fix_conformance(): a repair leaves nothing of what it was to repair, but for signed
// parts and forms that it does not know, and repairs nothing twice.
#include "base/text.h"
#include "dialect/kumo/conformance.h"
#include "invariant.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  using namespace postern::dialect::kumo;
  using fuzz::must;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::size_t at = 0;
  auto header = mail::fields_of(text, at);
  const std::string_view body = text.substr(at);
  const Issues found = issues_of(header, body);
  must(parse_issues(text_of(found)) == found, "issues are read as they are written");
  const Repair how{.what = 255,
                   .date = "Fri, 2 Jan 2026 03:04:05 +0000",
                   .message_id = "<a@example.com>",
                   .charset = {}};
  const auto changed = repair(header, body, how);
  const std::string now = changed ? *changed : std::string(body);
  const Issues left = issues_of(header, now);
  must((left & (missing_date_header | missing_message_id_header | missing_mime_version |
                missing_colon_value | name_ends_with_space)) == 0,
       "fields are repaired");
  must(now.size() <= 8 * body.size() + 4096, "the repair is linear in the message's size");
  auto again = header;
  const auto twice = repair(again, now, how);
  must(!twice || twice->size() <= 8 * now.size() + 4096, "and so is another one");
  return 0;
}
