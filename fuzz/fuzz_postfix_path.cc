// Paths as Postfix reads them: what is yielded, written out, is the same mailbox by the strict
// grammar, and what the strict grammar reads is read as the same.
#include "invariant.h"
#include "mail/postfix_path.h"

namespace {

using namespace postern;
using fuzz::must;

void check(std::string_view text, mail::Utf8 utf8, mail::Envelopes envelopes) {
  const auto path = mail::parse_postfix_path(text, utf8, envelopes);
  if (!path) return;
  must(path->length > 0 && path->length <= text.size(), "path ends inside the text");
  must(!path->postmaster, "<postmaster> is an address without a domain");
  const char end = text[path->length - 1];
  if (text[0] == '<') must(end == '>', "path ends with its bracket");
  if (text[0] != '<') must(path->length == text.size() || text[path->length] == ' ', "one word");
  if (!path->mailbox) return;
  mail::Mailbox whole = *path->mailbox;
  if (whole.domain.empty()) whole.domain = "localhost";
  const auto again = mail::parse_mailbox(whole.text(), utf8);
  must(again && *again == whole, "the strict grammar reads the same mailbox");
  const auto sent = mail::parse_path("<" + whole.text() + ">", utf8);
  must(sent && sent->mailbox == whole, "it can be sent on");
  if (envelopes == mail::Envelopes::lenient) return;
  const auto lenient = mail::parse_postfix_path(text, utf8);
  must(lenient && lenient->mailbox == path->mailbox && lenient->length == path->length,
       "strict only takes forms away");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto utf8 : {mail::Utf8::refused, mail::Utf8::allowed}) {
    check(text, utf8, mail::Envelopes::lenient);
    check(text, utf8, mail::Envelopes::strict);
    const auto strict = mail::parse_path(text, utf8);
    const auto lenient = mail::parse_postfix_path(text, utf8);
    if (strict && strict->mailbox && lenient) {
      must(lenient->mailbox == strict->mailbox && lenient->length == strict->length,
           "a path of the grammar has its meaning");
    }
  }
  return 0;
}
