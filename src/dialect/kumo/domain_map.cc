#include "dialect/kumo/domain_map.h"

#include "base/text.h"
#include "mail/address.h"
#include "mail/hostname.h"
#include "mail/literal.h"

namespace postern::dialect::kumo {

Result<std::string> domain_key(std::string_view pattern) {
  if (pattern == "*") return std::string("*");
  if (const auto address = mail::literal_address(pattern)) {
    return lower(mail::literal_of(*address));
  }
  const std::string_view star = pattern.substr(0, pattern.starts_with("*.") ? 2 : 0);
  const Result<mail::Domain> name = mail::Domain::parse(pattern.substr(star.size()));
  if (!name) {
    return fail(name.error().fault,
                "is no domain; write a name, `*.` and a name, or `*`: " + name.error().message);
  }
  return std::string(star) + name->text();
}

std::string domain_to_find(std::string_view domain) {
  if (Result<std::string> key = domain_key(domain)) return std::move(*key);
  if (domain.size() > 1 && domain.ends_with('.')) domain.remove_suffix(1);
  return lower(domain);
}

}  // namespace postern::dialect::kumo
