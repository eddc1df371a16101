#include "net/sql_client.h"

#include "base/text.h"

namespace postern::net {

SqlHost::SqlHost(std::string_view text) : host(text), port() {
  if (host.starts_with("inet:")) host.remove_prefix(5);
  is_path = host.starts_with("unix:");
  if (is_path) host.remove_prefix(5);
  const std::size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && parse_number(host.substr(colon + 1))) {
    port = host.substr(colon + 1);
    host = host.substr(0, colon);
  }
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
}

tl::unexpected<Error> sql_trouble(const std::string& host, std::string_view what) {
  return fail(Fault::temporary, host + ": " + printable(trim(what), 300));
}

}  // namespace postern::net
