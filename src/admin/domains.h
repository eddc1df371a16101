// Own domains: claimed by name, verified by a TXT record.
#pragma once

#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

/// In front of a domain: where its verification record may stand, the one to publish first.
inline constexpr std::array<std::string_view, 2> verification_labels = {"_conduit-verify.",
                                                                        "_postern-verify."};

class Domains {
 public:
  explicit Domains(Core& core) : core_(core) {}
  void add_routes(Router& router);
  /// Asks DNS for the verified domains whose last check is a day old. A record missing for seven
  /// days makes the domain unverified; mail to its addresses still flows.
  Task<void> recheck(store::Time now);

 private:
  /// What DNS said about one domain.
  struct Lookup {
    bool found = false;
    bool trouble = false;  ///< no name server answered: decides nothing
    std::string said;      ///< for people
  };

  Task<net::HttpResponse> list(Call& call);
  Task<net::HttpResponse> claim(Call& call);
  Task<net::HttpResponse> show(Call& call);
  Task<net::HttpResponse> verify(Call& call);
  Task<net::HttpResponse> give_up(Call& call);
  Task<net::HttpResponse> dns(Call& call);  ///< domains_dns.cc

  Task<store::DomainRow> stored(const Call& call);
  Task<Lookup> look_up(std::string name, std::string token);

  Core& core_;
};

}  // namespace postern::admin
