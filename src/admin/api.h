// The control plane over HTTP (docs/api.md, docs/openapi.yaml): accounts, policies, webhooks, and
// the outcome of mail. Each request gets one response; net::HttpServer is the server around it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admin/dependencies.h"
#include "base/error.h"
#include "base/task.h"
#include "net/http_message.h"

namespace postern::admin {

/// The API. Called on any event loop.
class AdminApi {
 public:
  /// Opens the API; reads or creates its signing keys. Blocks on the disk. Errors: the store's.
  static Result<std::unique_ptr<AdminApi>> open(const Dependencies& dependencies,
                                                const Options& options);
  ~AdminApi();

  /// Answers a request. Never throws.
  Task<net::HttpResponse> handle(net::HttpRequest request);
  /// The response to a request whose body is larger than 64 KiB, judged from its head
  /// (net::HttpGate); nullopt: read the body. Only admitted callers may send such a body, and none
  /// to a route open to anybody.
  Task<std::optional<net::HttpResponse>> refuse_large_body(const net::HttpRequest& head);
  /// Method and template of each route: the closed set of labels of MetricsSource::count_request().
  std::vector<std::pair<std::string, std::string>> routes() const;
  /// Periodic work, to be called every few minutes: checks domains that are due, purges expired
  /// sessions, renews signing keys.
  Task<void> housekeeping();
  /// Another gateway of the cluster has made or retired a signing key of tokens. Blocks on the
  /// store. Safe from any thread.
  Result<void> follow_keys();
  /// The gateway is stopping: answers requests that wait for something to happen, and refuses long
  /// work. Safe from any thread.
  void stop();
  /// Periodic work, to be called every second: writes failed sign-ins to the audit log, and checks
  /// whether another process (`postern passwd`) has changed anybody's access.
  Task<void> tick();
  /// Writes the remaining sign-ins. Blocks on the disk; call it at the end, when there are no more
  /// requests.
  void write_what_waits();

 private:
  struct Parts;
  explicit AdminApi(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace postern::admin
