// The API on a real SQLite store in a temporary directory; for tests.
#pragma once

#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <stdexcept>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json.hpp>

#include "admin/api.h"
#include "admin/digest.h"
#include "admin/ports.h"
#include "admin/publisher.h"
#include "base/temporary_folder_test.h"
#include "base/text.h"
#include "base/ulid.h"
#include "dns/dns.h"
#include "dns/resolver.h"
#include "net/http_head.h"
#include "spool/body.h"
#include "spool/inbox.h"
#include "store/delivery_log.h"
#include "store/sqlite_store.h"
#include "store/store.h"

namespace postern::admin {

/// Has TXT records by name; all other names do not exist.
class ZoneResolver : public dns::Resolver {
 public:
  /// Name to strings.
  std::map<std::string, std::vector<std::string>> txt;
  /// No name server answers.
  bool broken = false;

  Task<dns::Answer> lookup(dns::Question question, std::chrono::milliseconds) override {
    dns::Answer answer;
    answer.status = dns::Status::nx_domain;
    if (broken) answer.status = dns::Status::timeout;
    if (const auto found = txt.find(question.name); found != txt.end()) {
      answer.status = dns::Status::found;
      answer.records = found->second;
    }
    co_return answer;
  }
};

/// A response.
struct Answer {
  int status = 0;           ///< HTTP status
  boost::json::value json;  ///< the parsed body; null if it is not JSON
  std::string body;         ///< the whole body
  net::HttpResponse raw;    ///< as returned by the API

  /// The text at a JSON pointer.
  std::string text(std::string_view pointer) const {
    return std::string(json.at_pointer(pointer).as_string());
  }
  /// The member "code" of an error response.
  std::string code() const { return text("/code"); }
  /// Whether an error response has a message about this field.
  bool has_field(std::string_view name) const {
    const auto* fields = json.as_object().if_contains("fields");
    return fields != nullptr && fields->as_object().contains(name);
  }
};

/// The password of the accounts of the tests.
constexpr std::string_view test_password = "correct-horse-battery";

/// The body of a sign-up or a sign-in; `link`: the token of a link with which one signs up.
inline std::string account_body(const std::string& email, const std::string& link = "") {
  return R"({"email":")" + email + R"(","password":")" + std::string(test_password) + "\"" +
         (link.empty() ? "" : R"(,"link":")" + link + "\"") + "}";
}
/// The account of TestApi::account().
inline const std::string first_account = account_body("a@example.com");

constexpr const char* policies_path = "/api/v1/smtp-policies";

/// The token of a link.
inline std::string token_of(const std::string& url) { return url.substr(url.find("?link=") + 6); }

/// The API with all its dependencies.
class TestApi {
 public:
  /// A request.
  struct Request {
    std::string method;  ///< "GET"
    std::string target;  ///< path and query
    std::string body;    ///< JSON unless a content-type is given
    std::string token;   ///< bearer token; empty: none
    std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
    std::string peer = "192.0.2.1";                            ///< address of the client
  };

  /// `adjust` changes settings before the API is opened.
  explicit TestApi(const std::function<void(Options&, Dependencies&)>& adjust = {}) {
    store = take(store::SqliteStore::open(folder.file("postern.db")));
    log = take(store::DeliveryLog::open(folder.file("delivery.db"), {}));
    inbox = take(spool::Inbox::open(
        {.database = folder.file("delivery.db"), .directory = folder.file("inbox")}));
    options.public_domain = "hooks.example.net";
    options.public_url = "https://postern.example.net";
    options.rate_limits = false;
    options.argon2 = {1, 8192};
    options.attachment_dir = folder.file("attachments");
    std::filesystem::create_directory(options.attachment_dir);
    options.allow_http = true;
    options.allow_networks = {*Cidr::parse("127.0.0.1/32")};
    options.has_queue = true;
    publisher = std::make_unique<Publisher>(*store, directory, options.public_domain, &keyring);
    Dependencies dependencies{*store, *log, *inbox, *publisher, resolver, hashing, disk};
    dependencies.template_error = [](std::string_view text) -> std::optional<std::string> {
      if (text.find("{{bad") != std::string_view::npos) return "1:1: no such field";
      return std::nullopt;
    };
    if (adjust) adjust(options, dependencies);
    deps = std::make_unique<Dependencies>(dependencies);
    if (auto loaded = publisher->load(); !loaded) throw std::runtime_error(loaded.error().message);
    api = take(AdminApi::open(dependencies, options));
  }
  /// Calls the API and runs the loop until it has answered.
  Answer call(const Request& given) { return finish(api->handle(http(given))); }
  /// The request as the server would pass it on.
  net::HttpRequest http(const Request& given) const {
    net::HttpRequest request;
    request.method = given.method;
    if (net::parse_target(given.target, request))
      throw std::runtime_error("bad target in a test: " + given.target);
    request.headers = given.headers;
    if (!given.token.empty())
      request.headers.emplace_back("authorization", "Bearer " + given.token);
    if (!given.body.empty() && !request.header("content-type")) {
      request.headers.emplace_back("content-type", "application/json");
    }
    request.body = given.body;
    request.peer = *IpAddress::parse(given.peer);
    return request;
  }
  /// Starts a call, whose status is appended to `answered`. run() or a poll of the loop continues
  /// it.
  void begin(const Request& given, std::vector<int>& answered) {
    boost::asio::co_spawn(loop, noted(api->handle(http(given)), answered), boost::asio::detached);
  }
  /// See call().
  Answer get(const std::string& target, const std::string& token = {}) {
    return call({"GET", target, "", token, {}});
  }
  /// See call().
  Answer post(const std::string& target, const std::string& body, const std::string& token = {}) {
    Request request{"POST", target, body, token, {}};
    // The first account must be created from the gateway's own host.
    if (target == "/api/v1/accounts") request.peer = "127.0.0.1";
    return call(request);
  }
  /// See call().
  Answer put(const std::string& target, const std::string& body, const std::string& token) {
    return call({"PUT", target, body, token, {}});
  }
  /// See call().
  Answer del(const std::string& target, const std::string& token, const std::string& body = {}) {
    return call({"DELETE", target, body, token, {}});
  }

  /// Creates an account and signs in; returns the access token.
  std::string account(const std::string& email = "a@example.com") {
    post("/api/v1/accounts", account_body(email));
    return post("/api/v1/sessions", account_body(email)).text("/access_token");
  }
  /// Creates a policy; returns its id.
  std::string policy(const std::string& token, const std::string& body = R"({"name":"p"})") {
    return post("/api/v1/smtp-policies", body, token).text("/id");
  }
  /// Creates a webhook; `more`: further members.
  Answer webhook(const std::string& token, const std::string& more = "") {
    return post("/api/v1/webhooks", R"({"target_url":"http://127.0.0.1/x")" + more + "}", token);
  }

  /// Stores a message in an inbox, as a delivery does.
  void keep(const std::string& webhook, const std::string& id, const std::string& payload,
            const std::string& sender = "a@example.com", const std::string& subject = "s",
            const policy::InboxLimits& limits = {}) {
    spool::Body body(folder.path());
    if (!body.append(payload)) throw std::runtime_error("no room");
    std::promise<Result<spool::InboxPut>> answer;
    inbox->put({.id = id,
                .webhook_id = webhook,
                .received_at = store::now(),
                .sender = sender,
                .subject = subject},
               std::move(body), limits, store::now(),
               [&](Result<spool::InboxPut> put) { answer.set_value(std::move(put)); });
    take(answer.get_future().get());
  }

  /// Reads a stream to its end.
  std::string drained(const net::HttpResponse::Stream& stream) {
    std::string all;
    while (true) {
      const std::string piece = take(run(stream.next()));
      if (piece.empty()) break;
      all += piece;
    }
    if (stream.size && *stream.size != all.size()) throw std::runtime_error("not its size");
    return all;
  }

  /// Runs the loop until the task has ended.
  template <class T>
  T run(Task<T> task) {
    auto future = boost::asio::co_spawn(loop, std::move(task), boost::asio::use_future);
    loop.restart();
    loop.run();
    return future.get();
  }

  tests::TemporaryFolder folder;              ///< removed at the end
  boost::asio::io_context loop;               ///< runs all calls
  net::WorkPool hashing{1, 100};              ///< one thread
  net::WorkPool disk{1, 100};                 ///< one thread
  ZoneResolver resolver;                      ///< DNS of the API
  policy::Directory directory;                ///< what the publisher applies to
  policy::DkimKeyring keyring;                ///< what the publisher applies to
  Options options;                            ///< as adjusted
  std::unique_ptr<store::SqliteStore> store;  ///< in `folder`
  std::unique_ptr<store::DeliveryLog> log;    ///< in `folder`
  std::unique_ptr<spool::Inbox> inbox;        ///< in `folder`
  std::unique_ptr<Publisher> publisher;       ///< on `store` and `directory`
  std::unique_ptr<Dependencies> deps;         ///< as adjusted
  std::unique_ptr<AdminApi> api;              ///< under test

  /// See call().
  Answer finish(Task<net::HttpResponse> task) {
    Answer answer;
    answer.raw = run(std::move(task));
    answer.status = answer.raw.status;
    answer.body = answer.raw.body;
    if (answer.raw.stream && answer.raw.stream->size) answer.body = drained(*answer.raw.stream);
    boost::system::error_code ignored;
    answer.json = boost::json::parse(answer.body, ignored);
    return answer;
  }

 private:
  static Task<void> noted(Task<net::HttpResponse> task, std::vector<int>& answered) {
    const net::HttpResponse response = co_await std::move(task);
    answered.push_back(response.status);
  }
  template <class T>
  static T take(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    return std::move(*result);
  }
};

}  // namespace postern::admin
