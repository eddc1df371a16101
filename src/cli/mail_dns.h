// The DNS answers of a command: where they come from, and a record of them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <tl/expected.hpp>

#include "cli/commands.h"
#include "dns/resolver.h"
#include "mailauth/evaluation.h"
#include "net/dnssec.h"
#include "policy/authentication.h"

namespace postern::app {

/// The resolver of one command. One thread.
class MailDns {
 public:
  /// Uses the file of --dns, the servers of --dns-server, those of the configuration, or the
  /// system's. After an error, which is printed, the value is the exit code.
  static tl::expected<std::unique_ptr<MailDns>, int> open(const Arguments& arguments,
                                                          const Config& config, Streams& streams);
  ~MailDns();

  /// Runs an evaluation to its result. Blocks.
  template <class T>
  T resolve(mailauth::Evaluation<T> evaluation) {
    while (const mailauth::Question* question = evaluation.next()) {
      evaluation.feed(ask(*question));
    }
    return evaluation.result();
  }
  /// Runs a task that uses resolver(). Blocks.
  void run(Task<void> task);

  /// Where tasks of run() run.
  boost::asio::any_io_executor executor() { return loop_.get_executor(); }
  /// Lives as long as this object.
  dns::Resolver& resolver() { return *resolver_; }
  /// nullopt if a --dns file answers.
  const std::optional<net::DnssecState>& dnssec() const { return dnssec_; }
  /// The answers given to resolve(), in order.
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

/// If no query was answered, prints what can be done about it.
void note_silence(const std::vector<policy::DnsRecord>& records, const Arguments& arguments,
                  Streams& streams);

}  // namespace postern::app
