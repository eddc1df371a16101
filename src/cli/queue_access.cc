#include "cli/queue_access.h"

#include <filesystem>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <boost/json.hpp>

#include "admin/queue_filter.h"
#include "admin/queue_json.h"
#include "base/text.h"
#include "cli/commands_store.h"
#include "net/local_http.h"
#include "serve/acting_owner.h"
#include "serve/cluster_member.h"
#include "serve/control_file.h"
#include "serve/data_lock.h"
#include "serve/queue_port.h"
#include "spool/sqlite_spool.h"
#include "spool/words.h"

namespace postern::app {
namespace {

namespace json = boost::json;

tl::unexpected<QueueError> failed(ExitCode code, std::string message, std::string hint = {}) {
  return tl::unexpected<QueueError>(QueueError{code, std::move(message), std::move(hint)});
}

tl::unexpected<QueueError> failed(const Error& error) {
  const bool refused = error.fault == Fault::conflict || error.fault == Fault::denied;
  return failed(refused ? ExitCode::no : exit_code_of(error.fault), error.message);
}

/// Percent-encodes (RFC 3986 §2.1) a value in a query.
std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_alnum(c) || c == '-' || c == '.' || c == '_') {
      out.push_back(c);
    } else {
      out += "%" + upper(hex_encode(std::string_view(&c, 1)));
    }
  }
  return out;
}

/// Uses the gateway's API with the token of its control file.
class RemoteQueue final : public QueueAccess {
 public:
  explicit RemoteQueue(ControlFile control) : control_(std::move(control)) {}

  QueueResult<json::object> list(const QueueFilter& filter, const std::string& before,
                                 std::size_t limit) override {
    std::string path = fmt::format("?page_size={}", limit);
    if (!before.empty()) path += "&before=" + before;
    for (const auto& [name, value] : filter) {
      path += fmt::format("&{}={}", name, percent_encoded(value));
    }
    return ask("GET", path, "");
  }
  QueueResult<json::object> show(const std::string& id) override {
    return ask("GET", "/" + percent_encoded(id), "");
  }
  QueueResult<void> text(const std::string& id,
                         const std::function<bool(std::string_view)>& out) override {
    bool begun = false;
    const auto answer =
        call("GET", "/" + percent_encoded(id) + "/message", "", [&](std::string_view piece) {
          begun = true;
          return out(piece);
        });
    if (answer) return {};
    // The gateway withholds the last piece of a damaged message.
    if (begun)
      return failed(ExitCode::io, "the message ended early",
                    "`postern queue verify` names what is damaged");
    return tl::unexpected(answer.error());
  }
  QueueResult<void> act(spool::Action action, const std::string& id,
                        admin::Notify notify) override {
    const std::string body = notify == admin::Notify::yes ? R"({"notify":true})" : "";
    const auto answer = call(
        "POST", fmt::format("/{}/{}", percent_encoded(id), spool::to_string(action)), body, {});
    if (!answer) return tl::unexpected(answer.error());
    return {};
  }
  QueueResult<json::object> act_on_all(spool::Action action, const QueueFilter& filter,
                                       const std::string& before, admin::Notify notify) override {
    json::object filters;
    for (const auto& [name, value] : filter) filters[name] = value;
    json::object body{{"action", spool::to_string(action)}, {"filter", std::move(filters)}};
    if (!before.empty()) body["before"] = before;
    if (notify == admin::Notify::yes) body["notify"] = true;
    return ask("POST", "/actions", json::serialize(body));
  }
  QueueResult<json::object> verify() override { return ask("POST", "/verify", ""); }
  QueueResult<json::object> destinations() override { return ask("GET", "/destinations", ""); }

 private:
  static tl::unexpected<QueueError> refused(int status, const std::string& body) {
    boost::system::error_code bad;
    const json::value value = json::parse(body, bad);
    const auto* object = bad ? nullptr : value.if_object();
    const auto* sentence = object ? object->if_contains("error") : nullptr;
    const std::string message = sentence && sentence->is_string()
                                    ? std::string(sentence->get_string())
                                    : fmt::format("the gateway answered {}", status);
    const auto* word = object ? object->if_contains("code") : nullptr;
    if (word && *word == "damaged")
      return failed(ExitCode::io, message, "`postern queue verify` names what is damaged");
    switch (status) {
      case 400:
      case 422:
        return failed(ExitCode::usage, message);
      case 401:
        return failed(ExitCode::try_again, "the gateway was restarted; try again");
      case 404:
        return failed(ExitCode::no_input, message);
      case 409:
        return failed(ExitCode::no, message);
      case 429:
      case 503:
        return failed(ExitCode::try_again, message);
      default:
        return failed(ExitCode::io, message);
    }
  }

  QueueResult<std::string> call(std::string method, const std::string& path, std::string body,
                                const std::function<bool(std::string_view)>& sink) {
    const auto answer = net::local_http({.method = std::move(method),
                                         .url = control_.url + "/api/v1/queue" + path,
                                         .bearer = control_.token,
                                         .body = std::move(body)},
                                        sink);
    if (!answer) {
      return failed(ExitCode::unavailable,
                    fmt::format("the gateway at {} does not answer: {}", control_.url,
                                answer.error().message),
                    "see its log; `curl " + control_.url + "/healthz`");
    }
    if (answer->status / 100 != 2) return refused(answer->status, answer->body);
    return answer->body;
  }

  QueueResult<json::object> ask(std::string method, const std::string& path, std::string body) {
    const auto answer = call(std::move(method), path, std::move(body), {});
    if (!answer) return tl::unexpected(answer.error());
    boost::system::error_code bad;
    json::value value = json::parse(*answer, bad);
    if (bad || !value.is_object()) {
      return failed(ExitCode::bad_data, "the gateway's answer is not a JSON object");
    }
    return std::move(value.get_object());
  }

  const ControlFile control_;
};

/// Uses the spool itself; holds its lock.
class LocalQueue final : public QueueAccess {
 public:
  LocalQueue(ActingOwner owner, DataLock lock, std::unique_ptr<spool::SqliteSpool> spool)
      : owner_(std::move(owner)), lock_(std::move(lock)), spool_(std::move(spool)) {}

  QueueResult<json::object> list(const QueueFilter& filter, const std::string& before,
                                 std::size_t limit) override {
    const auto messages = list_whole(*spool_, filter_of(filter), before, limit);
    if (!messages) return failed(messages.error());
    json::array data;
    for (const auto& message : *messages) {
      data.push_back(admin::to_json(message, admin::Detail::list));
    }
    json::object answer{{"data", std::move(data)}, {"next", nullptr}};
    if (messages->size() == limit) answer["next"] = messages->back().id;
    return answer;
  }
  QueueResult<json::object> show(const std::string& id) override {
    const auto message = spool_->get(id);
    if (!message) return failed(message.error());
    if (!*message) return failed(ExitCode::no_input, "no such message is queued");
    return admin::to_json(**message, admin::Detail::whole);
  }
  QueueResult<void> text(const std::string& id,
                         const std::function<bool(std::string_view)>& out) override {
    auto reader = spool_->body(id);
    if (!reader) return failed(reader.error());
    for (;;) {
      const Result<std::string_view> piece = reader->next();
      if (!piece) return failed(piece.error());
      if (piece->empty() || !out(*piece)) return {};
    }
  }
  QueueResult<void> act(spool::Action action, const std::string& id,
                        admin::Notify notify) override {
    const Result<void> done = act_and_wait(*spool_, {}, action, id, notify);
    if (!done) return failed(done.error());
    return {};
  }
  QueueResult<json::object> act_on_all(spool::Action action, const QueueFilter& filter,
                                       const std::string& before, admin::Notify notify) override {
    const auto result = act_on_some(*spool_, {}, action, filter_of(filter), before, notify,
                                    SpoolQueuePort::most_at_once);
    if (!result) return failed(result.error());
    return admin::to_json(*result);
  }
  QueueResult<json::object> verify() override {
    const auto found = spool_->verify();
    if (!found) return failed(found.error());
    return admin::to_json(*found);
  }
  QueueResult<json::object> destinations() override {
    const auto states = destination_states(*spool_);
    if (!states) return failed(states.error());
    json::array data;
    for (const auto& state : *states) data.push_back(admin::to_json(state));
    const std::size_t total = data.size();
    return json::object{{"data", std::move(data)}, {"total", total}};
  }

 private:
  static spool::ListFilter filter_of(const QueueFilter& given) {
    spool::ListFilter filter;
    for (const auto& [name, value] : given) {
      (void)admin::set_filter(filter, name, value, store::now());  // already checked
    }
    return filter;
  }

  ActingOwner owner_;  ///< as which the files are used, until both others are gone
  DataLock lock_;      ///< released after the spool is closed
  std::unique_ptr<spool::SqliteSpool> spool_;
};

}  // namespace

QueueResult<std::unique_ptr<QueueAccess>> open_queue(const std::string& data_dir) {
  const std::string directory = data_dir + "/spool";
  // root reads and changes the queue of a gateway that is stopped with its user's rights.
  auto owner = ActingOwner::of(data_dir);
  if (!owner) return failed(owner.error());
  struct stat about{};
  if (::stat(directory.c_str(), &about) != 0) {
    const bool hidden = errno == EACCES;
    return failed(hidden ? ExitCode::no_permission : ExitCode::no_input,
                  hidden ? fmt::format("{} may not be read by uid {}", data_dir, ::geteuid())
                         : fmt::format("{} has no queue", data_dir),
                  hidden
                      ? "run the command as root"
                      : "name the gateway's data directory with --data-dir DIR or --config FILE");
  }
  // The lock tells whether a gateway runs, as a crashed one leaves its control file. Files that
  // another user creates in the directory would be unreadable for the gateway.
  if (about.st_uid == ::geteuid()) {
    auto lock = DataLock::take(data_dir);
    if (!lock && lock.error().fault != Fault::conflict) return failed(lock.error());
    if (lock && ::access(cluster_mark(data_dir).c_str(), F_OK) == 0) {
      return failed(ExitCode::unavailable, "the queue is in the database of a cluster",
                    "ask on a machine of the cluster where a gateway runs");
    }
    if (lock) {
      auto spool = spool::SqliteSpool::open({.directory = directory});
      if (spool) {
        return std::make_unique<LocalQueue>(std::move(*owner), std::move(*lock), std::move(*spool));
      }
      if (spool.error().fault != Fault::conflict) return failed(spool.error());
    }
  }
  const bool runs = DataLock::is_held(data_dir);
  auto control = runs ? read_control(control_path(data_dir))
                      : Result<std::optional<ControlFile>>(std::nullopt);
  if (!control) {
    const bool wrong = control.error().fault == Fault::malformed;
    return failed(wrong ? ExitCode::bad_data : ExitCode::no_permission, control.error().message);
  }
  if (*control) {
    auto remote = std::make_unique<RemoteQueue>(std::move(**control));
    if (about.st_uid == ::geteuid() || remote->destinations()) return remote;
  }
  if (about.st_uid != ::geteuid()) {
    return failed(
        ExitCode::no_permission,
        fmt::format("the queue {} belongs to uid {}, and no gateway runs", directory, about.st_uid),
        "run the command as root");
  }
  return failed(ExitCode::try_again, "another program has the queue open",
                "another `postern queue`, or a gateway that starts or stops: try again");
}

}  // namespace postern::app
