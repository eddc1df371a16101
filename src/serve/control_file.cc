#include "serve/control_file.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <boost/json.hpp>

#include "admin/digest.h"
#include "base/text.h"
#include "config/key_file.h"
#include "config/relay_options.h"

namespace postern::app {

namespace {

constexpr std::size_t largest_control = 4096;

/// control_url() of an API that can listen here.
bool is_of_this_machine(std::string_view url) {
  constexpr std::string_view scheme = "http://";
  if (!url.starts_with(scheme)) return false;
  const auto api = Endpoint::parse(url.substr(scheme.size()));
  if (!api || !api->passed.empty() || control_url(*api) != url) return false;
  if (api->address.is_loopback()) return true;
  const std::vector<IpAddress> own = machine_addresses();
  return std::ranges::find(own, api->address) != own.end();
}

}  // namespace

std::string control_path(const std::string& data_dir) { return data_dir + "/control.json"; }

ControlFile new_control() { return {{}, Secret(base64url_encode(admin::random_bytes(32)))}; }

std::string control_url(Endpoint api) {
  const std::string address = api.address.to_string();
  if (address == "0.0.0.0") api.address = *IpAddress::parse("127.0.0.1");
  if (address == "::") api.address = *IpAddress::parse("::1");
  return "http://" + api.to_string();
}

Result<void> write_control(const std::string& path, const ControlFile& control) {
  const Secret text(boost::json::serialize(boost::json::object{{"url", control.url},
                                                               {"token", control.token.reveal()}}) +
                    "\n");
  return replace_key(path, text);
}

Result<std::optional<ControlFile>> read_control(const std::string& path) {
  // The directory is the gateway's user's: no link is followed, and nothing but a small file is
  // read.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0 && errno == ENOENT) return std::nullopt;
  if (fd < 0) return fail(Fault::denied, path + ": " + std::generic_category().message(errno));
  struct stat about{};
  std::string text(largest_control + 1, '\0');
  const bool plain = ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
  const ssize_t size = plain ? ::read(fd, text.data(), text.size()) : -1;
  ::close(fd);
  if (size < 0 || static_cast<std::size_t>(size) > largest_control) {
    return fail(Fault::malformed, path + ": is not a control file");
  }
  text.resize(static_cast<std::size_t>(size));
  boost::system::error_code bad;
  const boost::json::value value = boost::json::parse(text, bad);
  const auto* object = bad ? nullptr : value.if_object();
  const auto* url = object ? object->if_contains("url") : nullptr;
  const auto* token = object ? object->if_contains("token") : nullptr;
  if (!url || !token || !url->is_string() || !token->is_string()) {
    return fail(Fault::malformed, path + ": is not a control file");
  }
  const std::string where(url->get_string());
  if (!is_of_this_machine(where)) {
    return fail(Fault::malformed, path + ": its URL is not the address of an API on this machine");
  }
  return ControlFile{where, Secret(std::string(token->get_string()))};
}

}  // namespace postern::app
