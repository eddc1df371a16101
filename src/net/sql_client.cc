#include "net/sql_client.h"

#include <poll.h>

#include <algorithm>

#include "base/text.h"

namespace postern::net {

bool wait_for_socket(int descriptor, short events, SqlClient::Clock::time_point deadline) {
  using Clock = SqlClient::Clock;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd waiting{.fd = descriptor, .events = events, .revents = 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::min<long>(left, 60'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

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

}  // namespace postern::net
