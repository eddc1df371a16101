// An account's domains: claimed by name, verified by a TXT record.
#pragma once

#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

/// Prefixes of the names at which a domain's verification record may be; the first one is
/// recommended.
inline constexpr std::array<std::string_view, 2> verification_labels = {"_conduit-verify.",
                                                                        "_postern-verify."};

/// How long a request waits for DNS. Lookups of one request run concurrently.
inline constexpr std::chrono::seconds dns_limit{5};

/// Endpoints of domains.
class Domains {
 public:
  /// `core` must outlive this.
  explicit Domains(Core& core) : core_(core) {}
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);
  /// Checks in DNS the verified domains whose last check is a day old. After seven days without its
  /// record a domain is no longer verified; its webhooks still take mail.
  Task<void> recheck(store::Time now);

 private:
  /// The result of a DNS lookup for one domain.
  struct Lookup {
    bool found = false;
    bool trouble = false;  ///< no name server answered: the lookup decides nothing
    std::string said;      ///< for people
  };

  net::HttpResponse list(const Call& call) const;
  net::HttpResponse claim(const Call& call) const;
  net::HttpResponse show(const Call& call) const;
  Task<net::HttpResponse> verify(Call& call);
  net::HttpResponse give_up(const Call& call) const;
  Task<net::HttpResponse> dns(Call& call);  ///< domains_dns.cc

  /// The domain of the path; throws 404. Blocks on the disk.
  store::DomainRow stored(const Call& call) const;
  Task<Lookup> look_up(std::string name, std::string token);

  Core& core_;
};

}  // namespace postern::admin
