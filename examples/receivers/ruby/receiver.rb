# Receives what Posthaste delivers, with WEBrick: verifies each request and prints one line for it.
#
# It verifies with Ruby's own OpenSSL, in `verified?`, so that it needs nothing but WEBrick (gem webrick, Debian's ruby-webrick). The gem
# standardwebhooks does the same: StandardWebhooks::Webhook.new(secret).verify(body, headers).
#
# Environment: WEBHOOK_SECRET, the endpoint's secret (whsec_...); PORT, where 0, the default, takes any free one.

require "base64"
require "json"
require "openssl"
require "webrick"

# Bytes; Posthaste takes no larger payload unless it is configured to.
LARGEST_BODY = 1024 * 1024

# Seconds by which the clocks may differ, as every library of Standard Webhooks has it.
TOLERANCE = 300

# An id comes again only while its delivery is retried. A real receiver keeps the ids in its database, and writes each
# in the same transaction as what the task makes it do.
REMEMBERED_IDS = 10_000

# HMAC-SHA256 over id, time and body, one signature a secret: https://github.com/standard-webhooks/standard-webhooks
def verified?(key, body, request)
  id, at, signatures = %w[webhook-id webhook-timestamp webhook-signature].map { |name| request[name] }
  return false unless id && signatures && at&.match?(/\A\d+\z/)
  return false if (Time.now.to_i - at.to_i).abs > TOLERANCE

  expected = "v1," + Base64.strict_encode64(OpenSSL::HMAC.digest("SHA256", key, "#{id}.#{at}.".b + body.b))
  signatures.split(" ").any? { |signature| OpenSSL.secure_compare(signature, expected) }
end

class SeenIds
  def initialize
    @ids = {}
    @lock = Mutex.new
  end

  # Notes the id; false when it was here before.
  def add(id)
    @lock.synchronize do
      return false if @ids.key?(id)

      @ids[id] = true
      @ids.shift if @ids.size > REMEMBERED_IDS
      true
    end
  end
end

secret = ENV["WEBHOOK_SECRET"] or abort "WEBHOOK_SECRET is not set: it is the endpoint's secret, whsec_..."
key = Base64.strict_decode64(secret.delete_prefix("whsec_"))
seen = SeenIds.new
$stdout.sync = true

server = WEBrick::HTTPServer.new(
  BindAddress: "127.0.0.1", Port: ENV.fetch("PORT", "0").to_i, AccessLog: [], Logger: WEBrick::Log.new($stderr, WEBrick::Log::WARN)
)
server.mount_proc("/") do |request, response|
  next response.status = 405 unless request.request_method == "POST"
  next response.status = 413 if request["content-length"].to_i > LARGEST_BODY

  # The bytes as they came: a body that was parsed and written again has another signature.
  body = request.body || ""
  # The signature covers id, time and body, but not this header: what must not be forged belongs into the body.
  line = { id: request["webhook-id"], type: request["posthaste-type"] }
  if verified?(key, body, request)
    # At least once means that a task may come again: say yes to it, and do nothing.
    puts line.merge(verified: true, duplicate: !seen.add(request["webhook-id"])).to_json
    response.status = 204
  else
    puts line.merge(verified: false).to_json
    response.status = 401
  end
end
puts "listening on http://127.0.0.1:#{server.listeners.first.addr[1]}"
%w[INT TERM].each { |signal| trap(signal) { server.shutdown } }
server.start
