-- Reports who comes and goes to the backend (docs/jitsi.md). Needs event_sync_component of jitsi-contrib/prosody-plugins, whose
-- file goes beside this one into plugins/. Without it, being let in counts as having been there.
Component "esync.meet.jitsi" "event_sync_component"
    muc_component = "muc.meet.jitsi"
    breakout_component = "breakout.meet.jitsi"
    api_prefix = "http://api:5000/api/integrations/jitsi"
    api_headers = { ["Authorization"] = "Bearer " .. ENV_JITSI_INTEGRATION_SECRET }
