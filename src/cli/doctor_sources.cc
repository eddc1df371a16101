#include "cli/doctor_sources.h"

#include <memory>

#include "cli/live_data.h"
#include "cli/queue_access.h"

namespace postern::app {

namespace {

namespace json = boost::json;

Task<void> ask_into(dns::Resolver& resolver, dns::Question question,
                    std::chrono::milliseconds timeout, dns::Answer& into) {
  into = co_await resolver.lookup(std::move(question), timeout);
}

Result<json::object> destinations_of(const std::filesystem::path& data_dir) {
  auto queue = open_queue(data_dir.string());
  if (!queue) return fail(Fault::temporary, queue.error().message);
  auto listed = (*queue)->destinations();
  if (!listed) return fail(Fault::temporary, listed.error().message);
  return std::move(*listed);
}

}  // namespace

doctor::Sources doctor_sources(const std::filesystem::path& data_dir, MailDns* dns,
                               std::chrono::milliseconds dns_timeout) {
  doctor::Sources sources;
  sources.gateway = [data = std::make_shared<const LiveData>(data_dir)](std::string_view question,
                                                                        const json::object& given) {
    return data->ask_gateway(question, given);
  };
  sources.destinations = [data_dir] { return destinations_of(data_dir); };
  if (dns == nullptr) return sources;
  sources.dns = [dns, dns_timeout](const dns::Question& question) {
    dns::Answer answer{.status = dns::Status::timeout, .records = {}};
    dns->run(ask_into(dns->resolver(), question, dns_timeout, answer));
    return answer;
  };
  sources.dnssec = dns->dnssec();
  return sources;
}

}  // namespace postern::app
