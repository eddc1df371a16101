#include "cluster/patroni.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/json_members.h"
#include "net/local_http.h"

namespace postern::cluster {
namespace {

namespace json = boost::json;

constexpr std::chrono::seconds patience{3};
/// A member with an older one overwrites the leader's lock of another with `etcd3`.
constexpr const char* first_that_compares = "3.0.3";

Result<json::object> ask(const HttpGet& get, const std::string& url) {
  const Result<std::string> body = get(url);
  if (!body) return tl::unexpected(body.error());
  boost::system::error_code bad;
  const json::value said = json::parse(*body, bad);
  if (bad || !said.is_object()) return fail(Fault::malformed, "the answer is not that of Patroni");
  return said.get_object();
}

/// YAML's and JSON's ways to say yes, and the kinds of synchronous_mode.
bool is_on(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr) return false;
  if (value->is_bool()) return value->get_bool();
  const std::string text = text_of(object, key);
  return text == "on" || text == "true" || text == "yes" || text == "quorum";
}

void take_number(const json::object& object, std::string_view key, std::int64_t& into) {
  const json::value* value = object.if_contains(key);
  if (value != nullptr && value->is_int64()) into = value->get_int64();
}

std::int64_t candidates_in(const json::object& said) {
  return std::ranges::count_if(objects_of(said, "members"), [](const json::object* one) {
    const std::string role = text_of(*one, "role");
    const std::string state = text_of(*one, "state");
    return (role == "sync_standby" || role == "quorum_standby") &&
           (state == "streaming" || state == "running");
  });
}

}  // namespace

Result<std::string> http_get(const std::string& url) {
  auto answer =
      net::local_http({.url = url, .bearer = {}, .body = {}, .tls = true, .timeout = patience});
  if (!answer) return tl::unexpected(answer.error());
  if (answer->status != 200) {
    return fail(Fault::temporary, fmt::format("it answers {}", answer->status));
  }
  return std::move(answer->body);
}

Patroni ask_patroni(const std::vector<std::string>& urls, const HttpGet& get) {
  Patroni found;
  for (const std::string& url : urls) {
    PatroniHost& host = found.hosts.emplace_back();
    host.url = url.ends_with('/') ? url.substr(0, url.size() - 1) : url;
    const Result<json::object> about = ask(get, host.url + "/patroni");
    if (!about) {
      host.trouble = about.error().message;
      continue;
    }
    const json::value* itself = about->if_contains("patroni");
    if (itself != nullptr && itself->is_object()) {
      host.version = text_of(itself->get_object(), "version");
    }
    if (host.version.empty()) host.trouble = "the answer is not that of Patroni";
    if (found.is_known) continue;
    const Result<json::object> settings = ask(get, host.url + "/config");
    const Result<json::object> members = ask(get, host.url + "/cluster");
    if (!settings || !members) continue;
    found.is_known = true;
    found.synchronous = is_on(*settings, "synchronous_mode");
    found.strict = is_on(*settings, "synchronous_mode_strict");
    take_number(*settings, "ttl", found.ttl);
    take_number(*settings, "loop_wait", found.loop_wait);
    take_number(*settings, "retry_timeout", found.retry_timeout);
    found.paused = is_on(*settings, "pause") || is_on(*members, "pause");
    found.candidates = candidates_in(*members);
  }
  return found;
}

bool is_older(const std::string& version, const std::string& other) {
  const auto next = [](const char*& at, const char* end) {
    int number = 0;
    at = std::from_chars(at, end, number).ptr;
    if (at != end) ++at;
    return number;
  };
  const char* left = version.data();
  const char* right = other.data();
  for (int part = 0; part < 3; ++part) {
    const int a = next(left, version.data() + version.size());
    const int b = next(right, other.data() + other.size());
    if (a != b) return a < b;
  }
  return false;
}

std::string loses_mail(const Patroni& patroni, bool with_etcd3) {
  if (!with_etcd3) return {};
  for (const PatroniHost& one : patroni.hosts) {
    if (one.version.empty() || !is_older(one.version, first_that_compares)) continue;
    return fmt::format(
        "Patroni {} at {} loses acknowledged mail with the protocol `etcd3` when a partition of "
        "the "
        "network heals",
        one.version, one.url);
  }
  return {};
}

}  // namespace postern::cluster
