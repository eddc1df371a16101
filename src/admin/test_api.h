// The API over a real SQLite store in a directory of its own; for tests.
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
#include "admin/publisher.h"
#include "base/temporary_folder_test.h"
#include "base/text.h"
#include "base/ulid.h"
#include "net/http_head.h"
#include "store/sqlite_store.h"

namespace postern::admin {

/// TXT records by name; everything else does not exist.
class ZoneResolver : public dns::Resolver {
 public:
  std::map<std::string, std::vector<std::string>> txt;
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

struct Answer {
  int status = 0;
  boost::json::value json;
  std::string body;
  net::HttpResponse raw;

  std::string text(std::string_view pointer) const {
    return std::string(json.at_pointer(pointer).as_string());
  }
  std::string code() const { return text("/code"); }
  bool has_field(std::string_view name) const {
    const auto* fields = json.as_object().if_contains("fields");
    return fields != nullptr && fields->as_object().contains(name);
  }
};

class TestApi {
 public:
  struct Request {
    std::string method;
    std::string target;
    std::string body;
    std::string token;
    std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
    std::string peer = "192.0.2.1";
  };

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
  Answer call(const Request& given) { return finish(api->handle(http(given))); }
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
  /// Begins a call; its status is appended when it is answered. run() or a poll of the loop goes
  /// on.
  void begin(const Request& given, std::vector<int>& answered) {
    boost::asio::co_spawn(loop, noted(api->handle(http(given)), answered), boost::asio::detached);
  }
  Answer get(const std::string& target, const std::string& token = {}) {
    return call({"GET", target, "", token, {}});
  }
  Answer post(const std::string& target, const std::string& body, const std::string& token = {}) {
    Request request{"POST", target, body, token, {}};
    // The first account is made on the gateway's own machine.
    if (target == "/api/v1/accounts") request.peer = "127.0.0.1";
    return call(request);
  }
  Answer put(const std::string& target, const std::string& body, const std::string& token) {
    return call({"PUT", target, body, token, {}});
  }
  Answer del(const std::string& target, const std::string& token, const std::string& body = {}) {
    return call({"DELETE", target, body, token, {}});
  }

  /// Signs up and in; the access token.
  std::string account(const std::string& email = "a@example.com") {
    post("/api/v1/accounts", R"({"email":")" + email + R"(","password":"correct-horse-battery"})");
    return post("/api/v1/sessions",
                R"({"email":")" + email + R"(","password":"correct-horse-battery"})")
        .text("/access_token");
  }
  std::string policy(const std::string& token, const std::string& body = R"({"name":"p"})") {
    return post("/api/v1/smtp-policies", body, token).text("/id");
  }
  Answer webhook(const std::string& token, const std::string& more = "") {
    return post("/api/v1/webhooks", R"({"target_url":"http://127.0.0.1/x")" + more + "}", token);
  }

  /// Keeps a message in an inbox, as a delivery does.
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

  template <class T>
  T run(Task<T> task) {
    auto future = boost::asio::co_spawn(loop, std::move(task), boost::asio::use_future);
    loop.restart();
    loop.run();
    return future.get();
  }

  tests::TemporaryFolder folder;
  boost::asio::io_context loop;
  net::WorkPool hashing{1, 100};
  net::WorkPool disk{1, 100};
  ZoneResolver resolver;
  policy::Directory directory;
  policy::DkimKeyring keyring;
  Options options;
  std::unique_ptr<store::SqliteStore> store;
  std::unique_ptr<store::DeliveryLog> log;
  std::unique_ptr<spool::Inbox> inbox;
  std::unique_ptr<Publisher> publisher;
  std::unique_ptr<Dependencies> deps;
  std::unique_ptr<AdminApi> api;

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
