// What a LossLedger has counted, for metrics and for the log.
#pragma once

#include <string>
#include <string_view>

#include <tidings/messaging/loss_ledger.hpp>

namespace tidings::messaging {

// The metric tidings_messages_lost_total in Prometheus' text format 0.0.4: every cause, also one that has lost nothing.
std::string LossMetrics(const LossLedger& ledger);

// One line of the log as whoever owns the ledger stops, with the causes that have lost something; none if none has.
void LogLosses(const LossLedger& ledger, std::string_view owner);

}  // namespace tidings::messaging
