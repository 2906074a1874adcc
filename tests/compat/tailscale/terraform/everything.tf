# Every resource type of the provider, but for dns_configuration, which owns the whole of what four others own.

variable "device" {}
variable "tagged_device" {}

resource "tailscale_acl" "policy" {
  acl = <<-EOT
    {
      // kept as it is written
      "tagOwners": {"tag:web": ["autogroup:admin"]},
      "grants": [{"src": ["autogroup:member"], "dst": ["tag:web"], "ip": ["tcp:443"]}],
    }
  EOT
  overwrite_existing_content = true
}

data "tailscale_device" "box" {
  name = var.device
}

data "tailscale_device" "server" {
  name = var.tagged_device
}

data "tailscale_users" "everybody" {}

resource "tailscale_device_authorization" "box" {
  device_id  = data.tailscale_device.box.node_id
  authorized = true
}

resource "tailscale_device_key" "box" {
  device_id           = data.tailscale_device.box.node_id
  key_expiry_disabled = true
}

resource "tailscale_device_subnet_routes" "box" {
  device_id = data.tailscale_device.box.node_id
  routes    = ["10.0.1.0/24", "0.0.0.0/0", "::/0"]
}

resource "tailscale_device_tags" "server" {
  device_id  = data.tailscale_device.server.node_id
  tags       = ["tag:web"]
  depends_on = [tailscale_acl.policy]
}

resource "tailscale_dns_nameservers" "all" {
  nameservers = ["1.1.1.1", "8.8.8.8"]
}

resource "tailscale_dns_preferences" "all" {
  magic_dns  = true
  depends_on = [tailscale_dns_nameservers.all]
}

resource "tailscale_dns_search_paths" "all" {
  search_paths = ["corp.example.com"]
}

resource "tailscale_dns_split_nameservers" "inner" {
  domain      = "inner.example.com"
  nameservers = ["10.0.1.53"]
}

resource "tailscale_tailnet_key" "key" {
  reusable      = true
  preauthorized = true
  expiry        = 3600
  description   = "made by terraform"
  tags          = ["tag:web"]
  depends_on    = [tailscale_acl.policy]
}

resource "tailscale_oauth_client" "client" {
  description = "client"
  scopes      = ["all:read"]
}

resource "tailscale_federated_identity" "runner" {
  description        = "runner"
  scopes             = ["devices:core:read"]
  issuer             = "https://issuer.example.com"
  subject            = "repo:acme/*"
  custom_claim_rules = { ref = "main" }
}

resource "tailscale_webhook" "hook" {
  endpoint_url  = "https://example.com/hook"
  provider_type = "slack"
  subscriptions = ["nodeCreated", "userDeleted"]
}

resource "tailscale_contacts" "contacts" {
  account {
    email = "account@example.com"
  }
  support {
    email = "support@example.com"
  }
  security {
    email = "security@example.com"
  }
}

resource "tailscale_tailnet_settings" "settings" {
  devices_approval_on       = false
  devices_key_duration_days = 7
  https_enabled             = true
}

resource "tailscale_posture_integration" "falcon" {
  posture_provider = "falcon"
  cloud_id         = "us-1"
  client_id        = "client"
  client_secret    = "secret"
}

resource "tailscale_service" "web" {
  name       = "svc:web"
  comment    = "the web"
  ports      = ["tcp:443"]
  tags       = ["tag:web"]
  depends_on = [tailscale_acl.policy]
}

resource "tailscale_aws_external_id" "id" {}

resource "tailscale_logstream_configuration" "configuration" {
  log_type               = "configuration"
  destination_type       = "s3"
  s3_bucket              = "bucket"
  s3_region              = "us-west-2"
  s3_authentication_type = "rolearn"
  s3_role_arn            = "arn:aws:iam::123456789012:role/writer"
  s3_external_id         = tailscale_aws_external_id.id.external_id
}
