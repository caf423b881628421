// AnalyticsApi: GET /api/v1/admin/analytics.
#pragma once

#include <string>

#include <tidings/net/chat/http_api.hpp>

namespace tidings::app {

// Adds the call. REQUIRES: the services outlive the api's requests.
void AddAnalyticsCall(net::HttpApi& api, net::ChatServices& services, std::string data);

}  // namespace tidings::app
