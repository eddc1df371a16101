#include "net/duplicate_acceptor.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace postern::net {

using boost::asio::ip::tcp;

Result<std::shared_ptr<tcp::acceptor>> duplicate_acceptor(boost::asio::io_context& context,
                                                          int descriptor) {
  int family = 0;
  socklen_t length = sizeof family;
  ::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &length);
  const int own = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  boost::system::error_code error;
  if (own < 0) error.assign(errno, boost::system::system_category());
  auto acceptor = std::make_shared<tcp::acceptor>(context);
  if (!error) acceptor->assign(family == AF_INET6 ? tcp::v6() : tcp::v4(), own, error);
  if (error && own >= 0) ::close(own);
  if (!error) return acceptor;
  return fail(Fault::permanent, error.message());
}

}  // namespace postern::net
