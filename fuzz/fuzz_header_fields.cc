// Header fields: a header that is split and joined is unchanged, and an edited value stays one
// value.
#include "base/text.h"
#include "invariant.h"
#include "mail/header_fields.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  using fuzz::must;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::size_t body = 0;
  const auto fields = mail::fields_of(text, body);
  must(body == mail::body_of(text), "the body begins at one place");
  std::string again;
  for (const mail::HeaderField& field : fields) again += field.text;
  must(text.substr(0, body).starts_with(again) && body - again.size() <= 2, "nothing is lost");
  for (const mail::HeaderField& field : fields) {
    must(field.value().find_first_of("\r\n") == std::string::npos, "a value is one line");
  }
  if (const auto made = mail::header_field("X", text)) {
    must(mail::fields_of(made->text, body).size() == 1, "a new field is one field");
    for (std::size_t at = 0, end = 0; at < made->text.size(); at = end + 2) {
      end = made->text.find("\r\n", at);
      must(end - at <= 998, "a line of a new field has at most 998 octets");
    }
    std::string line(text);
    std::erase_if(line, [](char c) { return c == '\r' || c == '\n'; });
    must(made->value() == trim(line), "folds are all that is added");
  }
  const mail::Mailbox address{"x", "example.com"};
  if (const auto rest = mail::without_address(text, address)) {
    must(rest->size() < text.size(), "removing makes shorter");
    must(!mail::without_address(*rest, address), "removed is removed");
  }
  if (const auto changed = mail::with_address_replaced(text, address, {"y", "example.com"})) {
    must(changed->size() <= text.size(), "no longer than before");
    must(!mail::with_address_replaced(*changed, address, address), "replaced is replaced");
  }
  return 0;
}
