// From fields: for any octets, two readings agree, and a strict field has one domain. Fields are
// separated by NUL if the first octet is NUL.
#include "base/text.h"
#include "invariant.h"
#include "mailauth/dmarc/from_header.h"
#include "mailauth/names.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mailauth;
  using postern::fuzz::must;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string_view> bodies{text};
  if (text.starts_with('\0')) bodies = postern::split(text.substr(1), '\0');
  const dmarc::Author author = dmarc::author_of(bodies);
  must(author.valid == (author.fault == dmarc::AuthorFault::none), "valid means no fault");
  must(!author.valid || (bodies.size() == 1 && !author.domains.empty()), "valid means a domain");
  must(!author.is_strict() || author.domains.size() == 1, "strict means one domain");
  must(author.domains.size() <= author.addresses, "a domain has an address");
  for (const std::string& domain : author.domains) {
    must(is_normal_domain(domain), "domains are in normal form");
  }
  if (author.is_strict()) {
    // A display name, a comment and a fold around a strict address do not change it.
    const std::string domain = author.domains.front();
    const std::string address = "x@" + domain;
    must(dmarc::author_of({address}).domains.front() == domain, "a domain reads back");
    const std::string around =
        "(c)\r\n " + std::string(bodies[0]) + (text.ends_with('\n') ? "" : "(d)");
    if (text.size() < 900) {
      const dmarc::Author again = dmarc::author_of({around});
      must(again.domains == author.domains, "comments around an address change nothing");
    }
  }
  return 0;
}
