"""CloudFormation's intrinsic functions, for the resources that the emulator's CloudFormation leaves out."""
import re


class Unresolved(Exception):
    """A value needs a resource that was not created."""


class Resolver:
    """Resolves values of a template against parameters and the ids of created resources."""

    def __init__(self, template, values, attributes):
        """`values` has the values of Ref, by name; `attributes` those of Fn::GetAtt, by (logical id, attribute)."""
        self._template = template
        self._values = values
        self._attributes = attributes

    def resolve(self, value):
        """The value without intrinsic functions; AWS::NoValue removes its property."""
        if isinstance(value, list):
            resolved = [self.resolve(item) for item in value]
            return [item for item in resolved if item is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument), = value.items()
            if name == "Ref":
                return self._ref(argument)
            if name == "Condition" and isinstance(argument, str):
                return self.holds(argument)
            if name.startswith("Fn::"):
                return self._call(name.removeprefix("Fn::"), argument)
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not None}

    def holds(self, condition):
        """Whether a condition of the template is true; without a condition it is."""
        return condition is None or bool(self.resolve(self._template["Conditions"][condition]))

    def _ref(self, name):
        if name == "AWS::NoValue":
            return None
        if name not in self._values:
            raise Unresolved(f"Ref {name}")
        return self._values[name]

    def _attribute(self, logical_id, attribute):
        if (logical_id, attribute) not in self._attributes:
            raise Unresolved(f"GetAtt {logical_id}.{attribute}")
        return self._attributes[logical_id, attribute]

    def _call(self, function, argument):
        match function:
            case "If":
                condition, then, otherwise = argument
                return self.resolve(then if self.holds(condition) else otherwise)
            case "GetAtt":
                parts = argument.split(".", 1) if isinstance(argument, str) else argument
                return self._attribute(*parts)
            case "Sub":
                return self._sub(argument)
        argument = self.resolve(argument)
        match function:
            case "Equals":
                return argument[0] == argument[1]
            case "Not":
                return not argument[0]
            case "And":
                return all(argument)
            case "Or":
                return any(argument)
            case "Join":
                return argument[0].join(argument[1])
            case "Split":
                return argument[1].split(argument[0])
            case "Select":
                return argument[1][int(argument[0])]
        raise Unresolved(f"Fn::{function}")

    def _sub(self, argument):
        text, own = (argument, {}) if isinstance(argument, str) else argument

        def one(match):
            name = match[1]
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in own:
                return str(self.resolve(own[name]))
            return str(self._attribute(*name.split(".", 1)) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^}]+)\}", one, text)
