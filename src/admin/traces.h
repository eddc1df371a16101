// Why mail was accepted or refused: searches, one decision drawn, counts over time.
#pragma once

#include "admin/authenticator.h"
#include "admin/core.h"
#include "admin/router.h"
#include "admin/trace_json.h"

namespace postern::admin {

class Traces {
 public:
  Traces(Core& core, Authenticator& authenticator) : core_(core), authenticator_(authenticator) {}
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> list(Call& call);
  Task<net::HttpResponse> show(Call& call);
  Task<net::HttpResponse> stats(Call& call);

  TraceReader& reader() const;
  /// Whose traces the caller sees: the own account's, or, without a webhook named, all of the
  /// gateway's for who operates it.
  Task<std::optional<std::string>> scope(const Call& call);
  Task<net::HttpResponse> page(Call& call, TraceQuery query);
  Task<void> name_webhooks(boost::json::array& data, const std::string& account);

  Core& core_;
  Authenticator& authenticator_;
};

/// The `q` of a request; throws 422 with the sentence under "q".
store::TraceWords words_of(const Call& call);

}  // namespace postern::admin
