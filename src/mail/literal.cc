#include "mail/literal.h"

namespace postern::mail {

std::string literal_of(const IpAddress& address) {
  const bool is_v6 = address.is_known() && !address.is_v4();
  return (is_v6 ? "[IPv6:" : "[") + address.to_string() + "]";
}

}  // namespace postern::mail
