# One CIDR on one port and one name behind a connector, for a group of one person.
terraform {
  required_providers {
    twingate = {
      source = "registry.terraform.io/twingate/twingate"
    }
  }
}

variable "port" {
  type    = string
  default = "5432"
}

variable "open" {
  type    = bool
  default = true
}

locals {
  protocols = {
    allow_icmp = false
    tcp        = { policy = "RESTRICTED", ports = [var.port] }
    udp        = { policy = "DENY_ALL" }
  }
}

resource "twingate_user" "cyd" {
  email = "cyd@acme.test"
  role  = "MEMBER"
}

resource "twingate_group" "operators" {
  name     = "Operators"
  user_ids = [twingate_user.cyd.id]
}

resource "twingate_remote_network" "plant" {
  name     = "Plant"
  location = "ON_PREMISE"
}

resource "twingate_connector" "near" {
  name              = "near"
  remote_network_id = twingate_remote_network.plant.id
}

resource "twingate_connector_tokens" "near" {
  connector_id = twingate_connector.near.id
}

resource "twingate_resource" "machines" {
  name              = "machines"
  address           = "10.88.0.0/30"
  remote_network_id = twingate_remote_network.plant.id
  protocols         = local.protocols

  dynamic "access_group" {
    for_each = var.open ? [twingate_group.operators.id] : []
    content {
      group_id = access_group.value
    }
  }
}

resource "twingate_resource" "database" {
  name              = "database"
  address           = "db.plant.test"
  remote_network_id = twingate_remote_network.plant.id
  protocols         = local.protocols

  access_group {
    group_id = twingate_group.operators.id
  }
}

output "token" {
  value     = twingate_connector_tokens.near.access_token
  sensitive = true
}
