#include "serve/control_file.h"

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <system_error>

#include <unistd.h>
#include <boost/json.hpp>

#include "admin/digest.h"
#include "base/text.h"
#include "config/key_file.h"

namespace postern::app {

std::string control_path(const std::string& data_dir) { return data_dir + "/control.json"; }

ControlFile new_control() { return {{}, Secret(base64url_encode(admin::random_bytes(32)))}; }

std::string control_url(Endpoint api) {
  const std::string address = api.address.to_string();
  if (address == "0.0.0.0") api.address = *IpAddress::parse("127.0.0.1");
  if (address == "::") api.address = *IpAddress::parse("::1");
  return "http://" + api.to_string();
}

Result<void> write_control(const std::string& path, const ControlFile& control) {
  const std::string draft = path + ".new";
  ::unlink(draft.c_str());
  const Secret text(boost::json::serialize(boost::json::object{{"url", control.url},
                                                               {"token", control.token.reveal()}}) +
                    "\n");
  if (Result<void> written = write_key(draft, text); !written) return written;
  if (std::rename(draft.c_str(), path.c_str()) == 0) return {};
  return fail(Fault::permanent, path + ": " + std::generic_category().message(errno));
}

Result<std::optional<ControlFile>> read_control(const std::string& path) {
  if (::access(path.c_str(), R_OK) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return fail(Fault::denied, path + ": " + std::generic_category().message(errno));
  }
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  boost::system::error_code bad;
  const boost::json::value value = boost::json::parse(text.str(), bad);
  const auto* object = bad ? nullptr : value.if_object();
  const auto* url = object ? object->if_contains("url") : nullptr;
  const auto* token = object ? object->if_contains("token") : nullptr;
  if (!url || !token || !url->is_string() || !token->is_string()) {
    return fail(Fault::malformed, path + ": is not a control file");
  }
  return ControlFile{std::string(url->get_string()), Secret(std::string(token->get_string()))};
}

}  // namespace postern::app
