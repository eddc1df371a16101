#include "mail/literal.h"

namespace postern::mail {

std::string literal_of(const IpAddress& address) {
  return (address.is_v4() ? "[" : "[IPv6:") + address.to_string() + "]";
}

}  // namespace postern::mail
