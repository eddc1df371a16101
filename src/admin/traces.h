// Why mail was accepted or refused: searches, single decisions, counts over time.
#pragma once

#include "admin/authenticator.h"
#include "admin/core.h"
#include "admin/ports.h"
#include "admin/router.h"
#include "admin/trace_json.h"

namespace postern::admin {

/// Endpoints of traces.
class Traces {
 public:
  /// All must outlive this.
  Traces(Core& core, Authenticator& authenticator) : core_(core), authenticator_(authenticator) {}
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> list(Call& call);
  Task<net::HttpResponse> show(Call& call);
  Task<net::HttpResponse> stats(Call& call);

  TraceReader& reader() const;
  /// The account whose traces the caller sees: its own, or nullopt (all) for an operator who names
  /// no webhook.
  Task<std::optional<std::string>> scope(const Call& call);
  Task<net::HttpResponse> page(Call& call, TraceQuery query);
  Task<void> name_webhooks(boost::json::array& data, const std::string& account);

  Core& core_;
  Authenticator& authenticator_;
};

/// Parses the query parameter `q`. Throws 422 with the message under "q".
store::TraceWords words_of(const Call& call);

}  // namespace postern::admin
