using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Rudder.InferenceService.Services;

/// <summary>Finds fields that a message carries and its type does not know, by number or by wire type: settings that would be ignored without a word.</summary>
internal static class UnknownFields
{
    /// <summary>The first unknown field as <c>path.field 17</c>, or null.</summary>
    /// <exception cref="InvalidProtocolBufferException">The bytes are no message.</exception>
    public static string? FirstIn(IMessage message) => FirstIn(message.ToByteArray(), message.Descriptor, "");

    // The runtime keeps unknown fields but does not show them, so the bytes are read once more.
    private static string? FirstIn(byte[] bytes, MessageDescriptor type, string path)
    {
        var input = new CodedInputStream(bytes);
        var counts = new Dictionary<int, int>();
        for (uint tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            int number = WireFormat.GetTagFieldNumber(tag);
            var field = type.FindFieldByNumber(number);
            if (field is null || !Fits(field, WireFormat.GetTagWireType(tag)))
            {
                return $"{path}field {number}";
            }

            if (field.FieldType != FieldType.Message)
            {
                input.SkipLastField();
                continue;
            }

            int index = counts[number] = counts.GetValueOrDefault(number, -1) + 1;
            string name = field.IsRepeated ? $"{path}{field.Name}[{index}]." : $"{path}{field.Name}.";
            if (FirstIn(input.ReadBytes().ToByteArray(), field.MessageType, name) is { } found)
            {
                return found;
            }
        }

        return null;
    }

    // The runtime drops a known number of another wire type like an unknown one. Repeated numbers come packed or one by one.
    private static bool Fits(FieldDescriptor field, WireFormat.WireType sent) =>
        sent == WireTypeOf(field.FieldType) || (field.IsRepeated && sent == WireFormat.WireType.LengthDelimited);

    private static WireFormat.WireType WireTypeOf(FieldType type) => type switch
    {
        FieldType.Double or FieldType.Fixed64 or FieldType.SFixed64 => WireFormat.WireType.Fixed64,
        FieldType.Float or FieldType.Fixed32 or FieldType.SFixed32 => WireFormat.WireType.Fixed32,
        FieldType.String or FieldType.Bytes or FieldType.Message => WireFormat.WireType.LengthDelimited,
        FieldType.Group => WireFormat.WireType.StartGroup,
        _ => WireFormat.WireType.Varint,
    };
}
