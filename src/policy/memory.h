// Memory that parts of a transaction take, as far as it grows with what a peer sends: charged to
// its budget (base/memory_budget.h).
#pragma once

#include <cstddef>

#include <boost/json/fwd.hpp>

namespace postern::mail {
struct HeaderField;
struct Mailbox;
}  // namespace postern::mail

namespace postern::policy {

struct Consultation;
struct Decision;
struct DnsRecord;
struct Recipient;
struct ScriptCopy;

/// Octets of the object and of all that it holds.
std::size_t memory_of(const mail::Mailbox& address);
/// The same.
std::size_t memory_of(const mail::HeaderField& field);
/// The same.
std::size_t memory_of(const Recipient& recipient);
/// The same for a DNS answer.
std::size_t memory_of(const DnsRecord& record);
/// The same for a request to another program.
std::size_t memory_of(const Consultation& consultation);
/// The same for a decision.
std::size_t memory_of(const Decision& decision);
/// The same for a JSON value.
std::size_t memory_of(const boost::json::value& value);
/// The same for a script's copy of the message.
std::size_t memory_of(const ScriptCopy& copy);

}  // namespace postern::policy
