#include <ostream>

#include <boost/json.hpp>

#include "cli/commands_mail.h"
#include "cli/json_text.h"
#include "cli/mail_dns.h"
#include "cli/mail_text.h"

namespace postern::app {

int run_spf_check(const Arguments& arguments, Streams& streams) {
  using mailauth::spf::Status;
  const bool json = arguments.has("--json");
  if (const auto error = check_options(arguments, {"--ip", "--from"})) {
    return report_usage(*error, json, streams);
  }
  const auto envelope = read_envelope(arguments);
  if (!envelope) return report_usage(envelope.error(), json, streams);
  const std::optional<Config> config = load_for(arguments, streams, without_files(arguments));
  if (!config) return to_int(ExitCode::config);
  const auto now = now_for(arguments);
  if (!now) return report_usage(now.error(), json, streams);
  const auto dns = MailDns::open(arguments, *config, streams);
  if (!dns) return dns.error();
  const mailauth::spf::Result spf = (*dns)->resolve(mailauth::spf::check_host(
      {.client = envelope->client,
       .helo = envelope->helo,
       .mail_from = envelope->sender ? envelope->sender->text() : std::string()},
      {.receiver = config->server.hostname, .now = *now}));
  const auto& records = (*dns)->records();
  if (json) {
    boost::json::object out = spf_json(spf);
    out["client"] = envelope->client.to_string();
    out["helo"] = policy::octets_json(envelope->helo);
    out["dns"] = policy::dns_json(records);
    streams.out << json_text(out) << '\n';
  } else if (!arguments.has("--quiet")) {
    streams.out << spf_text(spf, envelope->client) << dns_text(records);
  }
  note_silence(records, arguments, streams);
  if (spf.status == Status::temperror) return to_int(ExitCode::try_again);
  return to_int(spf.status == Status::pass ? ExitCode::ok : ExitCode::no);
}

}  // namespace postern::app
