// Addresses, domains and paths: accepted ones keep their bounds and read back unchanged.
#include "base/text.h"
#include "invariant.h"
#include "mail/address.h"
#include "mail/received.h"

namespace {

using namespace postern;
using fuzz::must;

void check_domain(std::string_view text) {
  const auto domain = mail::Domain::parse(text);
  if (!domain) return;
  must(!domain->empty() && domain->text().size() <= 255, "domain has 1-255 octets");
  must(is_ascii(domain->text()) && lower(domain->text()) == domain->text(),
       "domain is lower-case ASCII");
  must(domain->text().find_first_of(" @<>[]\r\n\t()\"\\,;:") == std::string::npos,
       "domain is only that");
  const auto again = mail::Domain::parse(domain->text());
  must(again && *again == *domain, "domain reads back");
}

void check_mailbox(const mail::Mailbox& mailbox, mail::Utf8 utf8) {
  must(!mailbox.local_part.empty() && mailbox.local_part.size() <= 252,
       "local part has 1-252 octets");
  must(mailbox.domain.size() <= 255, "domain has 255 octets at most");
  for (const char c : mailbox.text()) {
    must(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "no control octet in a mailbox");
  }
  if (utf8 == mail::Utf8::refused) must(is_ascii(mailbox.text()), "ASCII was asked for");
  const auto again = mail::parse_mailbox(mailbox.text(), utf8);
  must(again && *again == mailbox, "mailbox reads back");
  must(mailbox.unquoted_local_part().size() <= mailbox.local_part.size(),
       "unquoting only takes away");
}

void check_received(std::string_view text) {
  const mail::Arrival arrival{
      .helo_name = std::string(text), .client_name = std::string(text), .hostname = "x"};
  const std::string field = mail::received_field(arrival);
  for (std::size_t i = 0; i + 1 < field.size(); ++i) {
    if (field[i] == '\n' && i + 1 < field.size())
      must(field[i + 1] == '\t', "Received stays one field");
    if (field[i + 1] == '\n') must(field[i] == '\r', "no bare LF");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_domain(text);
  check_received(text);
  for (const auto utf8 : {mail::Utf8::refused, mail::Utf8::allowed}) {
    if (const auto mailbox = mail::parse_mailbox(text, utf8)) check_mailbox(*mailbox, utf8);
    const auto path = mail::parse_path(text, utf8);
    if (!path) continue;
    must(path->length <= text.size() && path->length <= 256, "path ends inside the text");
    must(text[path->length - 1] == '>', "path ends with its bracket");
    must(!(path->mailbox && path->postmaster), "a path is one thing");
    if (path->mailbox) check_mailbox(*path->mailbox, utf8);
  }
  return 0;
}
