DROP FUNCTION billing_charge_many(jsonb, jsonb);
