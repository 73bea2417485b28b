# A Rails site that signs people in through Sparekey, with omniauth_openid_connect: config/initializers/omniauth.rb.
#
#     bundle add omniauth omniauth_openid_connect omniauth-rails_csrf_protection
#
# Registered with the redirect address https://shop.example.com/auth/openid_connect/callback. A button that posts to
# /auth/openid_connect begins; the callback's action reads request.env["omniauth.auth"]: uid, info.email, and
# extra.raw_info with sparekey_recovery.
Rails.application.config.middleware.use OmniAuth::Builder do
  provider :openid_connect,
           issuer: ENV.fetch("ISSUER"),
           discovery: true,
           pkce: true,
           response_type: :code,
           scope: %i[openid profile email],
           client_options: {
             identifier: ENV.fetch("CLIENT_ID"),
             secret: ENV.fetch("CLIENT_SECRET"),
             redirect_uri: ENV.fetch("REDIRECT_URI")
           }
end
