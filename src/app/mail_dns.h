// Who answers the DNS questions of a command, and what was answered.
#pragma once

#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <tl/expected.hpp>

#include "app/commands.h"
#include "dns/resolver.h"
#include "mailauth/evaluation.h"
#include "net/dnssec.h"
#include "policy/authentication.h"

namespace postern::app {

/// The answers of a --dns file, a zone or JSON (docs/explain.md), and no other; `-` is `in`.
/// Fault::malformed names file and line.
Result<std::unique_ptr<dns::Resolver>> dns_from_file(const std::string& name, std::istream& in);

class MailDns {
 public:
  /// The file of --dns, the servers of --dns-server, those of the configuration, or the system's.
  /// Otherwise what is wrong has been printed, and the value is the exit code.
  static tl::expected<std::unique_ptr<MailDns>, int> open(const Arguments& arguments,
                                                          const Config& config, Streams& streams);
  ~MailDns();

  /// Drives an evaluation to its result.
  template <class T>
  T resolve(mailauth::Evaluation<T> evaluation) {
    while (const mailauth::Question* question = evaluation.next()) {
      evaluation.feed(ask(*question));
    }
    return evaluation.result();
  }
  /// Runs a task that asks resolver() itself.
  void run(Task<void> task);

  dns::Resolver& resolver() { return *resolver_; }
  /// Nothing when a --dns file answers.
  const std::optional<net::DnssecState>& dnssec() const { return dnssec_; }
  /// Of resolve(), in the order asked.
  const std::vector<policy::DnsRecord>& records() const { return records_; }

 private:
  MailDns();
  mailauth::Answer ask(mailauth::Question question);

  boost::asio::io_context loop_;
  std::unique_ptr<dns::Resolver> resolver_;
  std::optional<net::DnssecState> dnssec_;
  std::vector<policy::DnsRecord> records_;
  std::unique_ptr<policy::DnsDesk> desk_;
};

/// When no question has an answer: says on `err` what can be done about it.
void note_silence(const std::vector<policy::DnsRecord>& records, const Arguments& arguments,
                  Streams& streams);

}  // namespace postern::app
